"""A program of another contender: started in the site's home, so that it ends with it; says `ready` in its log."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.harness.cases import WrongResultError
from benchmarks.harness.site import Site
from benchmarks.harness.store import ROOT
from lakehouse_assets.services.supervisor import MARKER
from lakehouse_assets.settings import child_environment

READY = "ready"
READY_SECONDS = 180.0
STOP_SECONDS = 20.0
_NOT_FOR_A_DRIVER = ("SPARK_REMOTE", "SPARK_CONNECT_MODE_ENABLED", "SPARK_CONNECT_AUTHENTICATE_TOKEN")


@dataclass
class Program:
    """One process that runs until its standard input is closed."""

    site: Site
    module: str
    arguments: Sequence[str] = ()
    python: str = sys.executable
    extra: dict[str, str] = field(default_factory=dict)
    """Further variables of its environment."""

    @property
    def log(self) -> Path:
        """What it says."""
        return self.site.stack.settings.home / f"{self.module.rpartition('.')[2]}.log"

    def start(self) -> None:
        """Returns once it says that it is ready.

        Raises:
            WrongResultError: it ended before; with the end of its log.
        """
        self._launch()
        deadline = time.monotonic() + READY_SECONDS
        while READY not in self.log.read_text(errors="replace").splitlines():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise WrongResultError(f"{self.module} is not ready: {self.tail()}")
            time.sleep(0.1)

    def check(self) -> None:
        """It still runs.

        Raises:
            WrongResultError: it does not; with the end of its log.
        """
        if self._process.poll() is not None:
            raise WrongResultError(f"{self.module} has ended: {self.tail()}")

    def run(self, seconds: float) -> None:
        """From its start until it ends by itself.

        Raises:
            WrongResultError: it fails, or takes longer.
        """
        self._launch()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = -1
        self.stop()
        if code:
            raise WrongResultError(f"{self.module} failed: {self.tail()}")

    def stop(self) -> None:
        """Asks it to end, then ends it with all of its children."""
        children = psutil.Process(self._process.pid).children(recursive=True) if self._process.poll() is None else []
        if self._process.stdin:
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        for each in [*children, *([psutil.Process(self._process.pid)] if self._process.poll() is None else [])]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self._process.wait(STOP_SECONDS)

    def _launch(self) -> None:
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [self.python, "-m", self.module, *self.arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=self._environment(),
            )

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def _environment(self) -> dict[str, str]:
        home = str(self.site.stack.settings.home)
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
        own = {"LAKEHOUSE_HOME": home, MARKER: home, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", **self.extra}
        whole = child_environment(**own)
        return {name: value for name, value in whole.items() if name not in _NOT_FOR_A_DRIVER}
