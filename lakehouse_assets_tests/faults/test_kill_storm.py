"""One kill -9 after the other, of any process of the stack, under live traffic: right at the end, and never still."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import pairwise

import pytest

from lakehouse_assets.engine.orchestration import pipeline_log
from lakehouse_assets.engine.orchestration.workers.messages import ask
from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services.dagster import Dagster
from lakehouse_assets_tests.faults.site import Site, until
from lakehouse_assets_tests.faults.traffic import flowing

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1800)]

SECONDS = float(os.environ.get("STORM_SECONDS", "360"))
BETWEEN_KILLS_SECONDS = 12.0
RATE = 150.0
EVERY = 20
LONGEST_SILENCE_SECONDS = 60.0
SECONDS_TO_CATCH_UP = 45.0
PROGRAMS = ("kafka", "s3", "spark", "code", "workers", "webserver", "daemon")
WORKER = "a warm worker"


def pid_of(site: Site, victim: str) -> int:
    """The process to kill.

    Raises:
        ServiceError: it is not there now.
    """
    if victim != WORKER:
        return site.stack.pid(victim)
    service = site.stack.service("dagster")
    assert isinstance(service, Dagster)
    workers = (ask(service.pool, ask="status") or {"workers": []})["workers"]
    if not workers:
        raise ServiceError("there is none", where=WORKER, do="Wait")
    return int(workers[0]["pid"])


def storm(site: Site, dice: random.Random, until: float) -> Iterator[str]:
    """Kills one process after the other; one that is not there yet, or not any more, has been hit before."""
    while time.monotonic() < until:
        time.sleep(BETWEEN_KILLS_SECONDS)
        victim = dice.choice((*PROGRAMS, WORKER))
        with suppress(ServiceError, ProcessLookupError):
            os.kill(pid_of(site, victim), signal.SIGKILL)
            yield victim


def commits(site: Site, since: float, until: float) -> list[float]:
    """When a table was committed to, in seconds since 1970."""
    lines = [json.loads(line) for line in pipeline_log.path(site.settings).read_text().splitlines()]
    times = [datetime.fromisoformat(each["time"]).timestamp() for each in lines if each["event"] == "committed"]
    return sorted(each for each in times if since <= each <= until)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kills_of_any_process_every_twelve_seconds(site: Site, seed: int, capsys):
    """The oracle counts each record once; the tables are never still for long, and whole again soon after."""
    site.send(500)
    site.wait_caught_up()
    began = time.time()
    with flowing(site, RATE, EVERY):
        killed = [*storm(site, random.Random(seed), time.monotonic() + SECONDS)]
        last = time.time()
    until(site._caught_up, 600, "every table to catch up", poll_seconds=0.5)
    caught_up = time.time() - last
    made = commits(site, began, last)
    longest = max(newer - older for older, newer in pairwise([began, *made, last]))
    with capsys.disabled():
        counts = {victim: killed.count(victim) for victim in sorted({*killed})}
        sys.stdout.write(
            f"\nseed {seed}: {len(killed)} kills {counts}, {len(made)} commits,"
            f" longest time without one {longest:.1f} s, caught up {caught_up:.1f} s after the last kill\n"
        )
    site.assert_consistent()
    assert longest <= LONGEST_SILENCE_SECONDS
    assert caught_up <= SECONDS_TO_CATCH_UP
