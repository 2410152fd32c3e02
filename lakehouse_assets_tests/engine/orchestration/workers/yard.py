"""A Dagster home, a project of one job, and a pool of workers for them; runs are launched as the daemon does."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.events import DagsterEventType
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from lakehouse_assets.engine.orchestration.workers.messages import ask
from lakehouse_assets_tests import PROJECT
from lakehouse_assets_tests.engine.orchestration.workers.jobs import made

_log = logging.getLogger(__name__)
MODULE = "tiny_lake.definitions"
PROGRAM = [sys.executable, "-m", "lakehouse_assets.engine.orchestration.workers"]
SECONDS = 60.0
DAGSTER = """telemetry:
  enabled: false
run_launcher:
  module: lakehouse_assets.engine.orchestration.workers.launcher
  class: WorkerRunLauncher
  config:
    socket: {socket}
run_monitoring:
  enabled: true
  start_timeout_seconds: 60
  cancel_timeout_seconds: {patience}
"""
OUTPUT = """compute_logs:
  module: lakehouse_assets.engine.orchestration.run_output
  class: RunOutput
  config:
    base_dir: {storage}
"""
CODE = """from lakehouse_assets_tests.engine.orchestration.workers.jobs import made
{before}
defs = made("{code}")
"""


def eventually(true: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What it says once it says something."""
    deadline = time.monotonic() + seconds
    while not (said := true()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(0.05)
    return said


@dataclass
class Yard:
    """All of it, in one folder."""

    root: Path
    instance: DagsterInstance
    pools: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.root / "workers.sock"

    @property
    def log(self) -> str:
        return (self.root / "pool.log").read_text()

    def write_code(self, code: str, before: str = "") -> None:
        (self.root / "tiny_lake" / "definitions.py").write_text(CODE.format(code=code, before=before))

    def start(self, **limits: float) -> None:
        """A pool, with its options; returns once it answers."""
        options = [part for name, value in limits.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        paths = os.pathsep.join((str(self.root), str(PROJECT)))
        with (self.root / "pool.log").open("a") as log:
            pool = subprocess.Popen(
                [*PROGRAM, "--module", MODULE, "--socket", str(self.socket), *options],
                env=os.environ | {"PYTHONPATH": paths, "DAGSTER_HOME": self.instance.root_directory},
                cwd=self.root,
                stdout=log,
                stderr=log,
            )
        self.pools.append(pool)
        eventually(lambda: pool.poll() is not None or ask(self.socket, ask="status"))
        assert pool.poll() is None, self.log

    def stop(self) -> None:
        for pool in self.pools:
            pool.terminate()
        for pool in self.pools:
            pool.wait(30)
        self.pools.clear()

    def kill_pool(self) -> None:
        pool = self.pools.pop()
        pool.kill()
        pool.wait()

    def status(self) -> Mapping[str, Any]:
        return ask(self.socket, ask="status") or {"workers": [], "waiting": []}

    def printed(self) -> str:
        """What the program prints of the pool."""
        return subprocess.check_output([*PROGRAM, "--socket", str(self.socket), "--status"], text=True, cwd=PROJECT)

    def workers(self, *states: str) -> list[Mapping[str, Any]]:
        return [each for each in self.status()["workers"] if not states or each["state"] in states]

    def warm(self, count: int = 1) -> list[int]:
        """The process ids of that many free workers, once there are."""
        found = eventually(lambda: (free := self.workers("free")) and len(free) >= count and free)
        return [each["pid"] for each in found]

    def ask(self, what: str, **more: Any) -> Mapping[str, Any]:
        """The pool's answer to one question about this yard's own home and code."""
        mine = {"home": self.instance.root_directory, "module": MODULE} if what == "take" else {}
        answer = ask(self.socket, ask=what, **mine, **more)
        assert answer is not None
        return answer

    def run(self, do: str = "nothing", module: str = MODULE, remote: Any = None, **config: Any) -> str:
        """The id of a new run of the job."""
        pointer = ModuleCodePointer(module, "defs", str(self.root))
        code = RepositoryPythonOrigin(sys.executable, pointer, entry_point=DEFAULT_DAGSTER_ENTRY_POINT)
        options = {"ops": {"act": {"config": {"do": do, **config}}}}
        work = made("of the test").get_job_def("work")
        origin = JobPythonOrigin("work", code)
        return self.instance.create_run_for_job(
            work, run_config=options, job_code_origin=origin, remote_job_origin=remote
        ).run_id

    def launch(self, do: str = "nothing", **config: Any) -> str:
        """Hands a new run over."""
        run = self.run(do, **config)
        self.instance.launch_run(run, workspace=None)  # type: ignore[arg-type]
        return run

    def begun(self, run: str) -> int:
        """The process that executes the run, once its op is at work."""
        eventually(lambda: self.events(run, DagsterEventType.STEP_START))
        return self.pids(run)[-1]

    def monitored(self, run: str) -> DagsterRunStatus:
        """How the run ended, once it has, with the daemon's monitoring at work."""
        context = SimpleNamespace(instance=self.instance, create_request_context=lambda: None)

        def end() -> DagsterRunStatus | None:
            time.sleep(0.3)
            assert not [error for error in execute_run_monitoring_iteration(context, _log) if error]  # type: ignore[arg-type]
            return now.status if (now := self.record(run)).is_finished else None

        return eventually(end)

    def ended(self, run: str) -> DagsterRunStatus:
        """How the run ended, once it has."""
        return eventually(lambda: (now := self.record(run)).is_finished and now.status)

    def record(self, run: str) -> DagsterRun:
        found = self.instance.get_run_by_id(run)
        assert found is not None
        return found

    def events(self, run: str, kind: DagsterEventType) -> list[Any]:
        return list(self.instance.all_logs(run, of_type=kind))

    def said(self, run: str) -> str:
        """All that the run's log says."""
        return "\n".join(entry.user_message or entry.message or "" for entry in self.instance.all_logs(run))

    def pids(self, run: str) -> list[int]:
        """The processes that the run's log names."""
        return self.instance.run_launcher.reported_pids(self.record(run))  # type: ignore[attr-defined]


@contextmanager
def yard(root: Path, patience: float = 60, output: str = OUTPUT) -> Iterator[Yard]:
    """A yard without a pool; its processes end with the block."""
    home = root / "dagster"
    home.mkdir()
    text = (DAGSTER + output).format(socket=root / "workers.sock", patience=patience, storage=home / "storage")
    (home / "dagster.yaml").write_text(text)
    (root / "pyproject.toml").write_text('[tool.lakehouse]\npackage = "tiny_lake"\n')
    (root / "tiny_lake").mkdir()
    (root / "tiny_lake" / "__init__.py").touch()
    with DagsterInstance.from_config(str(home)) as instance:
        made_yard = Yard(root, instance)
        made_yard.write_code("one")
        try:
            yield made_yard
        finally:
            made_yard.stop()


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
