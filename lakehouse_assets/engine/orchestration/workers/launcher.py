"""A run launcher that hands runs to the pool of warm workers, and goes Dagster's own way where none answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster import DagsterRun, Field
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._serdes import ConfigurableClassData

from lakehouse_assets.engine.orchestration.launcher import LocalRunLauncher
from lakehouse_assets.engine.orchestration.workers.messages import ask
from lakehouse_assets.engine.orchestration.workers.tickets import Tickets


class WorkerRunLauncher(LocalRunLauncher):
    """Runs go to the pool that answers at a socket.

    Args:
        socket: path of the pool's Unix socket.
    """

    def __init__(self, socket: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._socket = Path(socket)
        self._tickets = Tickets.beside(self._socket)

    @classmethod
    def config_type(cls) -> Any:
        """What dagster.yaml says of it."""
        return {"socket": Field(str)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> WorkerRunLauncher:
        """The launcher that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    @property
    def supports_resume_run(self) -> bool:
        """A run whose worker died is over; Dagster's retries begin another one."""
        return False

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hands the run over; where nobody takes it, it gets a process of its own, and its log says why."""
        run = context.dagster_run
        if refusal := self._hand_over(run):
            message = f"No warm worker takes the run ({refusal}): it gets a process of its own."
            self._instance.report_engine_event(message, run, cls=type(self))
            super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """Interrupts the run as Dagster does; its worker is killed if it goes on beyond Dagster's patience."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        if _has_own_process(run):
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        return self._interrupt(run)

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """RUNNING while a worker has the run, FAILED with how it ended once it is gone."""
        if _has_own_process(run):
            return super().check_run_worker_health(run)
        found = self._where(run)
        if found["state"] in ("waiting", "running"):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if found["state"] == "gone":
            return CheckRunHealthResult(WorkerStatus.FAILED, found["why"])
        return self._left_by(found["workers"], run)

    def get_run_worker_debug_info(self, run: DagsterRun, include_container_logs: bool | None = True) -> str | None:
        """Where the pool sees the run, in words."""
        found = self._where(run)
        return f"The pool of workers says: {found['state']}. {found.get('why', '')}".strip()

    def _hand_over(self, run: DagsterRun) -> str:
        """Why no worker takes the run; nothing where one does, or has it already."""
        try:
            self._tickets.write(run.run_id)
        except OSError:
            return "there is no pool here"
        answer = ask(self._socket, ask="take", run=run.run_id, home=self._instance.root_directory, module=_module(run))
        if answer is not None and answer.get("taken"):
            return ""
        withdrawn = self._tickets.withdraw(run.run_id)
        return (answer or {}).get("why", "the pool does not answer") if withdrawn else ""

    def _interrupt(self, run: DagsterRun) -> bool:
        if self._tickets.withdraw(run.run_id):
            self._instance.report_run_canceled(run, "The run was canceled while it waited for a worker.")
            return True
        patience = self._instance.run_monitoring_cancel_timeout_seconds
        answer = ask(self._socket, ask="cancel", run=run.run_id, patience=patience)
        if answer is not None and answer.get("told"):
            return True
        return self._cancel_if_gone(run)

    def _cancel_if_gone(self, run: DagsterRun) -> bool:
        health = self.check_run_worker_health(run)
        if health.status == WorkerStatus.RUNNING:
            self._instance.report_engine_event("The pool of workers does not answer.", run, cls=type(self))
            return False
        self._instance.report_run_canceled(run, f"The run was canceled: {health.msg}.")
        return True

    def _where(self, run: DagsterRun) -> Mapping[str, Any]:
        nobody: Mapping[str, Any] = {"state": "unknown", "workers": [], "why": "It does not answer."}
        return ask(self._socket, ask="where", run=run.run_id) or nobody

    def _left_by(self, workers: list[int], run: DagsterRun) -> CheckRunHealthResult:
        """Of a run that no pool knows: whether the process that it reported is alive, and is no worker of this pool."""
        health = super().check_run_worker_health(run)
        pids = [pid for pid in self.reported_pids(run) if pid in workers]
        if health.status == WorkerStatus.RUNNING and pids:
            return CheckRunHealthResult(WorkerStatus.FAILED, f"worker {pids[-1]} has the run no more")
        return health


def _has_own_process(run: DagsterRun) -> bool:
    """Dagster's own launcher notes where the code server is."""
    return GRPC_INFO_TAG in run.tags


def _module(run: DagsterRun) -> str:
    origin = run.job_code_origin
    return str(getattr(origin.repository_origin.code_pointer, "module", "")) if origin else ""
