"""The event log of the embedded Spark: the oldest parts go when it takes more disk than it may.

Spark writes it as `logs/spark-events/eventlog_v2_<application>/events_<n>_<application>.zstd`, in parts of about 10 MB,
and deletes none. The newest part of each application is still being written, so it stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dagster import DefaultSensorStatus, SensorDefinition, SensorEvaluationContext, SkipReason, sensor

from lakehouse_assets.settings import load

BYTES_PER_MB = 1024 * 1024
_INTERVAL_SECONDS = 300
_PART = re.compile(r"events_(\d+)_")


def sweeper() -> SensorDefinition:
    """The sensor that sweeps; it starts no run."""

    @sensor(
        name="sweep_spark_event_log",
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Keeps the event log of the embedded Spark within LAKEHOUSE_SPARK_EVENT_LOG_MB.",
    )
    def sweep_spark_event_log(_context: SensorEvaluationContext) -> SkipReason:
        settings = load()
        freed = sweep(settings.home / "logs" / "spark-events", settings.spark_event_log_mb * BYTES_PER_MB)
        return SkipReason(f"freed {freed / BYTES_PER_MB:.0f} MB")

    return sweep_spark_event_log


def sweep(folder: Path, most_bytes: int) -> int:
    """Deletes the oldest parts until the rest fits; how many bytes that freed."""
    sizes = {part: _size(part) for part in folder.glob("eventlog_v2_*/*")}
    excess, freed = sum(sizes.values()) - most_bytes, 0
    for part in closed_parts(folder):
        if freed >= excess:
            break
        part.unlink(missing_ok=True)
        freed += sizes.get(part, 0)
    return freed


def _size(part: Path) -> int:
    """In bytes; 0 for a file that Spark has renamed meanwhile."""
    return part.stat().st_size if part.exists() else 0


def closed_parts(folder: Path) -> Iterator[Path]:
    """Every part but the newest of each application, oldest first; of ended applications all."""
    applications = sorted(folder.glob("eventlog_v2_*"), key=lambda each: each.stat().st_mtime)
    for application in applications:
        parts = sorted((part for part in application.iterdir() if _PART.match(part.name)), key=_number)
        is_newest = application == applications[-1]
        yield from parts[:-1] if is_newest else parts


def _number(part: Path) -> int:
    found = _PART.match(part.name)
    return int(found.group(1)) if found else 0
