"""A run launcher that notices dead runs on this machine, also those whose code server died with them."""

from __future__ import annotations

import psutil
from dagster import DagsterEventType, DagsterRun, DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus

_CLOCK_SLACK_SECONDS = 1.0


class LocalRunLauncher(DefaultRunLauncher):
    """Dagster's own launcher, with a health check by process id for Dagster's run monitoring."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Lets run monitoring ask `check_run_worker_health`."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """RUNNING while a process that the run reported is alive, FAILED once it is gone."""
        processes = self._processes(run)
        if not processes or any(_is_alive(pid, at) for pid, at in processes):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"run process {processes[-1][0]} is gone")

    def reported_pids(self, run: DagsterRun) -> list[int]:
        """The processes that the run's log names, the first one first."""
        return list(dict.fromkeys(pid for pid, _ in self._processes(run)))

    def _processes(self, run: DagsterRun) -> list[tuple[int, float]]:
        """Each process and when it was reported, in seconds since 1970."""
        started = self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
        return [(pid, entry.timestamp) for entry in started if (pid := _pid(entry)) is not None]


def _pid(entry: object) -> int | None:
    event = entry.get_dagster_event()  # type: ignore[attr-defined]
    shown = event.engine_event_data.metadata.get("pid")
    return int(shown.value) if shown is not None else None


def _is_alive(pid: int, reported_at: float) -> bool:
    """Whether this is still the process that reported, and not a later one with its number."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= reported_at + _CLOCK_SLACK_SECONDS
    except psutil.NoSuchProcess:
        return False
