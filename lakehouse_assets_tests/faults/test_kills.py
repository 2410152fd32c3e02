"""Promise 1 and 10: each record counts exactly once and Dagster shows the right days, whatever is killed and when."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time

import pytest

from lakehouse_assets_tests.faults.site import Site, until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(3000)]

KILLS = 20
ROWS = 1500
WARM_UP_RUNS = 3


def good_run(site: Site) -> float:
    """Seconds of a run that nobody disturbs, from its process start to its end."""
    known = set(site.runs())
    site.send(ROWS)
    run_id, _, started = site.next_process(known)
    until(lambda: site.runs()[run_id].is_finished, 200, "a good run to end")
    ended = time.time()
    site.wait_caught_up()
    return ended - started


def test_a_run_killed_at_20_instants(site, capsys):
    """The instants are spread evenly over the last good run, which is measured again every five kills."""
    for _ in range(WARM_UP_RUNS):
        good_run(site)
    hits = []
    for kill in range(KILLS):
        if kill % 5 == 0:
            seconds = good_run(site)
        known = set(site.runs())
        site.send(ROWS)
        instant = seconds * (kill + 0.5) / KILLS
        hits.append(f"{kill + 1:2}. after {instant:4.1f} of {seconds:4.1f} s: {site.kill_next_run(known, instant)}")
        site.assert_consistent()
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(hits) + "\n")


@pytest.mark.parametrize("victim", ["spark", "kafka", "s3"])
def test_a_service_killed_during_a_run(site, victim):
    known = set(site.runs())
    site.send(ROWS)
    site.next_process(known)
    time.sleep(4)
    os.kill(site.stack.pid(victim), signal.SIGKILL)
    site.assert_consistent()


def test_the_daemon_killed_during_a_run(site):
    known = set(site.runs())
    site.send(ROWS)
    site.next_process(known)
    time.sleep(2)
    os.kill(site.stack.pid("daemon"), signal.SIGKILL)
    site.assert_consistent()


def test_dagsters_home_deleted_between_two_replays(site):
    """It goes on from the tables' own ledger, and shows the days again."""
    site.assert_consistent()
    site.stack.down()
    shutil.rmtree(site.stack.settings.home / "dagster")
    site.stack.up()
    site.wait_days_shown()
    site.send(ROWS)
    site.assert_consistent()
