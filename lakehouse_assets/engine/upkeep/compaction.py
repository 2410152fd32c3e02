"""Compaction: the many small files of a day become few large ones. The rows stay the same; no position is stated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.errors import PySparkException

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.writing import conflicts, delta
from lakehouse_assets.settings import Settings

BYTES_PER_MB = 1024 * 1024
DAYS_PER_COMMIT = 10
"""Few, so that a batch that writes beside it seldom meets the same files."""
TRIES = 3


@dataclass(frozen=True)
class DayFiles:
    """The small files of one day; `day` is None in a table without days."""

    day: Partition | None
    files: int
    size_bytes: int


@dataclass(frozen=True)
class Compacted:
    """What one compaction did: days, files before and after; `gave_up` says why nothing was done."""

    days: tuple[Partition | None, ...]
    removed: int = 0
    added: int = 0
    gave_up: str = ""


def crowded(lake: Lake, key: str, settings: Settings) -> tuple[DayFiles, ...]:
    """The days with too many small files, by the table's log; none for a table that does not exist."""
    table = lake.open(key)
    if table is None:
        return ()
    small: dict[Partition | None, list[int]] = defaultdict(list)
    parted_by = [f"partition.{name}" for name in table.metadata().partition_columns]
    for entry in pa.table(table.get_add_actions(flatten=True)).to_pylist():
        if entry["size_bytes"] < settings.compact_small_mb * BYTES_PER_MB:
            small[next((entry[name] for name in parted_by), None)].append(entry["size_bytes"])
    found = [DayFiles(day, len(sizes), sum(sizes)) for day, sizes in small.items()]
    crowds = [each for each in found if each.files >= settings.compact_min_files]
    return tuple(sorted(crowds, key=lambda each: str(each.day or "")))


def compact(target: delta.Target, crowds: Sequence[DayFiles]) -> Iterator[Compacted]:
    """Compacts these days, some at a time, each in a commit that says nothing."""
    for start in range(0, len(crowds), DAYS_PER_COMMIT):
        yield _compact(target, tuple(each.day for each in crowds[start : start + DAYS_PER_COMMIT]))


def _compact(target: delta.Target, days: tuple[Partition | None, ...]) -> Compacted:
    known = [day for day in days if day is not None]
    where = f" WHERE {target.lake.grid(target.key).where(known)}" if known else ""
    for _ in range(TRIES):
        try:
            metrics = target.spark.sql(f"OPTIMIZE {target.sql}{where}").select("metrics.*").collect()[0]
            return Compacted(days, metrics["numFilesRemoved"], metrics["numFilesAdded"])
        except PySparkException as error:
            if not conflicts.is_conflict(error):
                raise
    return Compacted(days, gave_up="batches kept writing to these days; the next maintenance tries again")
