"""Where no pool takes a run, it has a process of its own, as by Dagster's launcher, and its log says why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from dagster import DagsterRunStatus
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import ModuleTarget

from lakehouse_assets_tests import PROJECT
from lakehouse_assets_tests.engine.orchestration.workers.yard import MODULE, eventually, is_running

SUCCESS, CANCELED = DagsterRunStatus.SUCCESS, DagsterRunStatus.CANCELED


@contextmanager
def code_server(place) -> Iterator[WorkspaceRequestContext]:
    target = ModuleTarget(MODULE, None, str(place.root), "here")
    with WorkspaceProcessContext(place.instance, target) as process:
        yield process.create_request_context()


def launch(place, context: WorkspaceRequestContext, do: str, **config: object) -> str:
    """A run as the UI makes it, of the code server's own job."""
    (repository,) = context.get_code_location("here").get_repositories().values()
    origin = repository.get_full_job("work").get_remote_origin()
    run = place.run(do, remote=origin, **config)
    place.instance.launch_run(run, context)
    return run


def test_without_a_pool_a_run_has_a_process_of_its_own_which_is_cancelled_as_by_dagster(place, monkeypatch):
    monkeypatch.syspath_prepend(str(place.root))
    monkeypatch.setenv("PYTHONPATH", f"{place.root}:{PROJECT}")
    with code_server(place) as context:
        run = launch(place, context, "nothing")
        assert place.monitored(run) == SUCCESS
        assert "No warm worker takes the run (there is no pool here)" in place.said(run)

        long = launch(place, context, "sleep", seconds=60)
        pid = place.begun(long)
        assert place.instance.run_launcher.check_run_worker_health(place.record(long)).status.value == "RUNNING"
        assert place.instance.run_launcher.terminate(long)
        assert place.ended(long) == CANCELED
        eventually(lambda: not is_running(pid))


@pytest.mark.parametrize("gone", ["dead", "another's"])
def test_a_pool_that_died_or_serves_other_code_is_told_in_the_runs_log(place, monkeypatch, gone):
    """And nothing waits for that pool afterwards."""
    place.start()
    place.warm()
    if gone == "dead":
        place.kill_pool()
    monkeypatch.setenv("PYTHONPATH", str(place.root), prepend=":")
    said = []
    monkeypatch.setattr("dagster.DefaultRunLauncher.launch_run", lambda _self, context: said.append(context))
    run = place.run(module=MODULE if gone == "dead" else "other.definitions")
    place.instance.launch_run(run, None)

    reason = "the pool does not answer" if gone == "dead" else f"the pool serves {MODULE} of"
    assert len(said) == 1
    assert reason in place.said(run)
    assert not (place.root / "workers.runs" / run).exists()
