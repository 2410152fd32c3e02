"""Workers and pools killed at random instants: no run is lost, none is executed twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter

import pytest
from dagster import DagsterRunStatus

from lakehouse_assets_tests.engine.orchestration.workers.yard import eventually

ROUNDS, RUNS = 6, 4


def kill_something(place, rng: random.Random) -> None:
    """The pool, which is started again as by the supervisor, or one of its workers."""
    workers = place.workers("free", "busy")
    if rng.random() < 0.5 or not workers:
        place.kill_pool()
        place.start(workers=2)
    else:
        os.kill(rng.choice(workers)["pid"], signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [1, 2])
def test_each_run_ends_and_is_executed_at_most_once(place, seed):
    rng, done = random.Random(seed), place.root / "done"
    place.start(workers=2)
    place.warm()
    runs = []
    for _ in range(ROUNDS):
        runs += [place.launch(file=str(done)) for _ in range(RUNS)]
        time.sleep(rng.uniform(0, 0.6))
        kill_something(place, rng)
    ends = {run: place.monitored(run) for run in runs}
    times = Counter(line.split()[0] for line in done.read_text().splitlines())

    assert set(ends.values()) <= {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE}
    assert max(times.values()) == 1
    assert all(times[run] == 1 for run, end in ends.items() if end == DagsterRunStatus.SUCCESS)
    eventually(lambda: not place.status()["waiting"])
    print(Counter(ends.values()))  # noqa: T201
