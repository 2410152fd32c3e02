"""Days are rebuilt while events flow: nothing is lost or doubled, and neither waits for the other to end."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import date

import pytest

from lakehouse_assets.definitions import TABLES
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.orchestration import backfills
from lakehouse_assets_tests.faults.site import Site, until
from lakehouse_assets_tests.faults.traffic import flowing, sampled

pytestmark = [pytest.mark.services, pytest.mark.slow]

EVENTS_A_SECOND = 200
EVERY = 3
ROWS = 45_000
DAYS = 30
REBUILT = [table for table in TABLES if table.key.endswith("transactions") or table.layer == "gold"]
WARM_UP_SECONDS = 20.0
BACKFILL_SECONDS = 600.0


@pytest.fixture
def filled(site: Site) -> Site:
    """At least thirty days are in every table."""
    site.lines = sampled(EVERY)
    site.send(ROWS)
    site.wait_caught_up()
    assert len(Lake(site.settings).days("gold/sales/daily_revenue")) >= DAYS
    return site


@pytest.fixture
def days(filled: Site) -> list[date]:
    """The first thirty."""
    return sorted(Lake(filled.settings).days("gold/sales/daily_revenue"))[:DAYS]


def test_thirty_days_are_rebuilt_beside_live_traffic(filled: Site, days: list[date]):
    """The independent check holds afterwards, and batches were taken in while the days were rebuilt."""
    with flowing(filled, EVENTS_A_SECOND, EVERY):
        time.sleep(WARM_UP_SECONDS)
        began, batches = time.monotonic(), position_commits(filled)
        started = backfills.launch(filled.settings, dict.fromkeys(REBUILT, days))
        assert ended(filled, started).succeeded
        seconds, meanwhile = time.monotonic() - began, position_commits(filled) - batches
    sys.stdout.write(
        f"\n30 days of {len(REBUILT)} tables rebuilt in {seconds:.1f} s, {meanwhile} batches of silver meanwhile\n"
    )
    assert meanwhile > 0
    filled.assert_consistent()


def test_a_backfill_killed_in_the_middle_keeps_its_days_and_goes_on(filled: Site, days: list[date]):
    """Dagster starts the run again by itself; the days that were committed are not computed twice."""
    silver = next(table for table in TABLES if table.key == "silver/sales/transactions")
    started = backfills.launch(filled.settings, dict.fromkeys([silver], days))
    run_id = until(lambda: next(iter(backfills.progress(filled.settings, started).runs), None), 60, "a run")
    lake = Lake(filled.settings)
    kept = until(lambda: backfills.rebuilt(lake, silver, {run_id}), 120, "a first commit", poll_seconds=0.1)
    os.kill(process_of(filled, run_id), signal.SIGKILL)

    assert ended(filled, started).succeeded
    runs = backfills.progress(filled.settings, started).runs
    sys.stdout.write(f"\nkilled after {len(kept)} of {DAYS} days; runs {dict(runs)}\n")
    again = backfills.rebuilt(lake, silver, set(runs) - {run_id})
    assert not again & kept
    assert again | backfills.rebuilt(lake, silver, {run_id}) == {*days}
    filled.assert_consistent()


def ended(site: Site, backfill_id: str) -> backfills.Progress:
    def progress() -> backfills.Progress | None:
        now = backfills.progress(site.settings, backfill_id)
        return now if now.ended else None

    return until(progress, BACKFILL_SECONDS, "the backfill to end", poll_seconds=1.0)


def position_commits(site: Site) -> int:
    """Increments that silver has committed so far."""
    commits = Lake(site.settings).commits("silver/sales/transactions")
    return sum(1 for commit in commits if commit.statement and commit.statement.position)


def process_of(site: Site, run_id: str) -> int:
    return until(lambda: site.process_of(run_id), 30, "the run's process")[0]
