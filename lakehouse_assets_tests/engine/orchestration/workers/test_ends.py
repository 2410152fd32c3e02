"""Runs that end otherwise: cancelled, killed, out of memory, without a pool. The next run is right each time."""

from __future__ import annotations

import os
import signal
import time

import pytest
from dagster import DagsterRunStatus

from lakehouse_assets.engine.orchestration.workers.tickets import Tickets
from lakehouse_assets_tests.engine.orchestration.workers.yard import eventually, is_running, yard

SUCCESS, FAILURE, CANCELED = DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED


def next_run_is_right(place) -> int:
    """The process that executed it."""
    run = place.launch()
    assert place.monitored(run) == SUCCESS
    return place.pids(run)[0]


def test_a_run_cancelled_in_mid_step_is_torn_down_and_its_worker_goes_on(shared, tmp_path):
    """As the UI cancels, through the run coordinator."""
    (pid,) = shared.warm()
    seen = tmp_path / "seen"
    run = shared.launch("sleep", seconds=60, file=str(seen))
    shared.begun(run)
    eventually(seen.exists)

    assert shared.instance.run_coordinator.cancel_run(run)
    assert shared.ended(run) == CANCELED
    assert seen.read_text().splitlines()[-1] == "torn down"
    assert not shared.instance.run_launcher.terminate(run)
    assert next_run_is_right(shared) == pid


def test_a_run_cancelled_while_it_waits_never_begins(shared, tmp_path):
    before, seen = shared.launch("sleep", seconds=3), tmp_path / "seen"
    run = shared.launch(file=str(seen))

    assert shared.instance.run_launcher.terminate(run)
    assert shared.record(run).status == CANCELED
    assert shared.ended(before) == SUCCESS
    next_run_is_right(shared)
    assert not seen.exists()


def test_a_run_is_cancelled_at_any_instant_of_its_beginning(shared):
    """While it waits, is taken, is loaded, begins: it ends at once, without the daemon's help, and tears down."""
    (pid,) = shared.warm()
    for delay in (0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32):
        run = shared.launch("sleep", seconds=600)
        time.sleep(delay)
        assert shared.instance.run_launcher.terminate(run)
        assert shared.ended(run) == CANCELED
    assert next_run_is_right(shared) == pid


def test_a_run_that_was_cancelled_before_it_began_is_over_without_being_interrupted(shared):
    """Dagster ignores it, at once: the interrupt comes too late."""
    shared.warm()
    run = shared.run("sleep", seconds=600)
    shared.instance.report_run_canceling(shared.record(run))
    Tickets.beside(shared.socket).write(run)

    assert shared.ask("take", run=run) == {"taken": True}
    assert shared.ended(run) == CANCELED


@pytest.mark.slow
def test_a_run_that_ignores_its_cancel_is_killed_after_dagsters_patience(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "state"))
    with yard(tmp_path, patience=3) as place:
        place.start(wait_seconds=60)
        (pid,) = place.warm()
        run = place.launch("ignore", seconds=600)
        place.begun(run)
        asked = time.monotonic()

        assert place.instance.run_launcher.terminate(run)
        assert place.monitored(run) == CANCELED
        assert time.monotonic() - asked >= 3
        assert next_run_is_right(place) != pid
        assert not is_running(pid)


@pytest.mark.parametrize("do", ["kill", "exhaust"])
def test_a_worker_that_dies_fails_its_run_and_no_other(place, do):
    """By a signal nobody can catch, as when the system is out of memory; or by memory that its process cannot have."""
    place.start(workers=2)
    place.warm(2)
    other = place.launch("sleep", seconds=60)
    untouched = place.begun(other)
    run = place.launch(do)

    assert place.monitored(run) == FAILURE
    assert place.pids(run) != [untouched]
    assert do != "kill" or "SIGKILL: the system was out of memory, or somebody killed it" in place.said(run)
    assert next_run_is_right(place) != untouched
    assert place.record(other).status == DagsterRunStatus.STARTED
    assert is_running(untouched)


@pytest.mark.parametrize("how", ["kill_pool", "stop"])
def test_a_pool_that_ends_takes_its_workers_along_and_loses_no_run(place, how):
    """Killed or stopped: what goes on is torn down and fails at once; what waits is taken by the next pool, once."""
    place.start(wait_seconds=60)
    (pid,) = place.warm()
    seen = place.root / "seen"
    run = place.launch("sleep", seconds=60, file=str(seen))
    place.begun(run)
    waiting = place.launch(file=str(seen))
    getattr(place, how)()

    eventually(lambda: not is_running(pid))
    assert place.ended(run) == FAILURE
    assert "torn down" in seen.read_text()
    place.start()
    assert place.monitored(waiting) == SUCCESS
    assert seen.read_text().count(waiting) == 1
    next_run_is_right(place)


def test_a_worker_that_still_imports_ends_with_its_pool(place):
    place.write_code("two", before="import time; time.sleep(600)")
    place.start()
    (starting,) = eventually(lambda: place.workers("starting"))
    place.kill_pool()

    eventually(lambda: not is_running(starting["pid"]), seconds=20)


@pytest.mark.slow
def test_a_run_whose_worker_ignores_that_the_pool_is_gone_ends_with_it(place):
    """After ten seconds the process ends, whatever it does; monitoring fails the run, whichever pool there is then."""
    place.start(wait_seconds=60)
    place.warm()
    run = place.launch("ignore", seconds=600)
    pid = place.begun(run)
    place.kill_pool()
    place.start()

    assert place.monitored(run) == FAILURE
    assert not is_running(pid)
    next_run_is_right(place)


@pytest.mark.slow
def test_a_worker_that_dies_before_its_run_begins_costs_the_run_nothing(place):
    """The run is tried by another worker."""
    place.start(wait_seconds=60)
    (pid,) = place.warm()
    os.kill(pid, signal.SIGSTOP)
    run = place.launch()
    eventually(lambda: place.workers("busy"))
    os.kill(pid, signal.SIGKILL)

    assert place.ended(run) == SUCCESS
    assert pid not in place.pids(run)
