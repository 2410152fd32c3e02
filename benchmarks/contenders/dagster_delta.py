"""Contender (iii): dagster-delta's IO manager with Polars, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.contenders.process import Program
from benchmarks.harness.site import Site
from benchmarks.harness.store import ROOT
from lakehouse_assets.access import s3

PACKAGES = (
    "dagster-delta==0.5.9",
    "dagster==1.13.27",
    "deltalake==1.6.6",
    "polars==1.44.2",
    "confluent-kafka==2.16.1",
)
INSTALL_SECONDS = 900


@dataclass
class DagsterDelta:
    """The job of `jobs/polars_medallion.py`; one feed."""

    site: Site
    prefix: ClassVar[str] = "dagster-delta/"

    def __post_init__(self) -> None:
        settings, [feed] = self.site.settings, self.site.feeds
        store = {**s3.delta_rs(settings), "BENCH_KAFKA": settings.kafka_bootstrap, "BENCH_BUCKET": settings.bucket}
        arguments = [feed.topic, feed.domain, str(self.site.partitions)]
        self.program = Program(self.site, MODULE, arguments, extra=store)

    def start(self) -> None:
        """Returns once it looks at the topic."""
        self.program.python = str(environment())
        self.program.start()

    def check(self) -> None:
        """It still runs."""
        self.program.check()

    def stop(self) -> None:
        """Ends it after its batch."""
        self.program.stop()


MODULE = "benchmarks.contenders.jobs.polars_medallion"


def environment() -> Path:
    """The Python of its environment, which is made when it is missing: `BENCH_POLARS`, or below `.lakehouse/`.

    Raises:
        CalledProcessError: its packages cannot be installed.
    """
    home = Path(os.environ.get("BENCH_POLARS") or ROOT / ".lakehouse" / "bench" / "dagster-delta")
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        uv = Path(sys.prefix) / "bin" / "uv"
        _run(str(uv), "venv", "--clear", "-q", "--python", sys.executable, str(home))
        _run(str(uv), "pip", "install", "--system-certs", "-q", "--python", str(python), *PACKAGES)
        (home / "complete").touch()
    return python


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_SECONDS)
