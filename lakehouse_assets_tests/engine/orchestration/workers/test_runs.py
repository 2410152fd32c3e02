"""Runs in warm workers end as they do in processes of their own."""

from __future__ import annotations

import json
import time

import psutil
from dagster import DagsterRunStatus
from dagster._core.events import DagsterEventType
from dagster._core.launcher.base import LaunchRunContext

SUCCESS, FAILURE = DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE


def test_runs_succeed_fail_and_log_one_after_the_other_in_one_process(shared, tmp_path):
    """In the order in which they came; each one's log names the process."""
    (pid,) = shared.warm()
    assert "is not ready" not in shared.log
    order = tmp_path / "order"
    runs = [shared.launch(do, file=str(order)) for do in ("nothing", "fail", "nothing")]

    assert [shared.ended(run) for run in runs] == [SUCCESS, FAILURE, SUCCESS]
    assert order.read_text().splitlines() == [f"{run} one {pid}" for run in runs]
    assert [shared.pids(run) for run in runs] == [[pid]] * 3
    assert "as it was told" in str(shared.events(runs[1], DagsterEventType.STEP_FAILURE)[0].dagster_event)
    assert f"code one in {pid}" in shared.said(runs[0])


def test_code_that_would_leave_the_process_fails_its_run_alone(shared):
    """SystemExit, and what is no Exception: the worker goes on."""
    (pid,) = shared.warm()
    runs = [shared.launch(do) for do in ("leave", "drop", "nothing")]

    assert [shared.ended(run) for run in runs] == [FAILURE, FAILURE, SUCCESS]
    assert [shared.pids(run) for run in runs] == [[pid]] * 3


def test_the_pool_says_what_it_is_doing(shared):
    (pid,) = shared.warm()
    before, runs = time.time(), shared.workers()[0]["runs"]
    run = shared.launch("sleep", seconds=60)
    shared.begun(run)
    (shown,) = json.loads(shared.printed())["workers"]
    assert shared.instance.run_launcher.terminate(run)

    assert (shown["pid"], shown["state"], shown["run"], shown["runs"]) == (pid, "busy", run, runs)
    assert before - 1 < shown["since"] <= time.time()
    assert abs(shown["rss_mb"] - psutil.Process(pid).memory_info().rss / 2**20) < 50


def test_two_workers_have_two_runs_at_once(place):
    place.start(workers=2)
    pids = place.warm(2)
    runs = [place.launch("sleep", seconds=60) for _ in range(2)]

    assert {place.begun(run) for run in runs} == set(pids)
    assert [place.record(run).status for run in runs] == [DagsterRunStatus.STARTED] * 2


def test_a_run_that_waits_gets_a_further_worker_which_ends_when_it_is_not_needed(place):
    """One long run holds up nobody."""
    place.start(wait_seconds=0.2, linger_seconds=0.2)
    place.warm()
    place.begun(place.launch("sleep", seconds=60))
    short = place.launch()

    assert place.ended(short) == SUCCESS
    assert len(place.pids(short)) == 1
    deadline = time.monotonic() + 30
    while len(place.workers()) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert place.workers()[0]["state"] == "busy"


def test_a_run_leaves_nothing_of_its_surroundings_to_the_next_one(shared, tmp_path):
    (pid,) = shared.warm()
    shared.ended(shared.launch("leak"))
    seen = tmp_path / "seen"
    after = shared.launch("look", file=str(seen))

    assert shared.ended(after) == SUCCESS
    assert shared.pids(after) == [pid]
    assert seen.read_text().splitlines()[1] == f"[None, False, False] {shared.root}"


def test_what_a_step_prints_is_in_its_log_and_costs_no_process(shared, tmp_path):
    """Also what its children print; the UI reads it through Dagster's manager of such logs."""
    seen = tmp_path / "seen"
    run = shared.launch("talk", file=str(seen))
    assert shared.ended(run) == SUCCESS
    captured = shared.events(run, DagsterEventType.LOGS_CAPTURED)[0].dagster_event.logs_captured_data
    manager = shared.instance.compute_log_manager
    key = [run, "compute_logs", captured.file_key]
    data = manager.get_log_data(key)

    assert data.stdout == b"printed in the step\n"
    assert b"said by a child" in data.stderr
    assert manager.is_capture_complete(key)
    assert seen.read_text().splitlines()[1] == "children 0"


def test_a_worker_ends_after_so_many_runs(place):
    place.start(runs_each=2, wait_seconds=60)
    place.warm()
    runs = [place.launch() for _ in range(3)]
    assert [place.ended(run) for run in runs] == [SUCCESS] * 3
    first, second, third = (place.pids(run) for run in runs)

    assert first == second != third


def test_a_worker_that_has_grown_ends(place):
    place.start(most_mb=300, wait_seconds=60)
    (pid,) = place.warm()
    assert place.ended(place.launch("grow")) == SUCCESS
    after = place.launch()

    assert place.ended(after) == SUCCESS
    assert place.pids(after) != [pid]


def test_a_run_that_is_handed_over_twice_is_executed_once(shared, tmp_path):
    """While it waits, while it goes on, and after its end."""
    order = tmp_path / "order"
    before = shared.launch("sleep", seconds=3)
    run = shared.launch("sleep", seconds=1, file=str(order))
    context = LaunchRunContext(shared.record(run), None)
    shared.instance.run_launcher.launch_run(context)
    shared.begun(run)
    shared.instance.run_launcher.launch_run(context)
    shared.ended(run)
    shared.instance.run_launcher.launch_run(context)
    last = shared.launch()

    assert [shared.ended(each) for each in (before, run, last)] == [SUCCESS] * 3
    assert len([line for line in order.read_text().splitlines() if line.startswith(run)]) == 1
    assert shared.status()["waiting"] == []
