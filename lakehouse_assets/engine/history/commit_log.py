"""What the Delta log says of one commit and of the days it touched: files, bytes, rows, metrics. Reads no rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSystem, PyFileSystem

from lakehouse_assets.engine.grids import WHOLE, Partition, partition
from lakehouse_assets.engine.history.lake import Lake

_PARTITION = "partition."


@dataclass(frozen=True)
class AddedFile:
    """A data file that a commit brought in."""

    path: str
    """Relative to the table."""
    day: Partition | None
    """None where the table is not laid out by day."""
    bytes: int
    rows: int
    has_deletions: bool
    """Some of its rows are marked as deleted, so that they must not be shown."""


@dataclass(frozen=True)
class CommitLog:
    """The actions of one commit."""

    added: tuple[AddedFile, ...]
    removed_files: int
    metrics: Mapping[str, str]
    """Spark's own measurements, `operationMetrics`."""
    changes_schema: bool

    def added_on(self, day: Partition | None) -> tuple[AddedFile, ...]:
        """The new files of one day; all of them where the table is not laid out by day."""
        return tuple(file for file in self.added if file.day in (day, None))


@dataclass(frozen=True)
class Size:
    """How much a table, or a day of it, holds."""

    files: int = 0
    bytes: int = 0
    rows: int = 0


def storage(lake: Lake, key: str) -> FileSystem:
    """The table's folder as pyarrow reads it."""
    return PyFileSystem(DeltaStorageHandler(lake.uri(key), lake.storage_options()))


def read(lake: Lake, key: str, version: int) -> CommitLog:
    """The actions of a commit; one small read.

    Raises:
        OSError: the log no longer holds that version, or the store does not answer.
    """
    with storage(lake, key).open_input_stream(f"_delta_log/{version:020}.json") as stream:
        return parse(stream.read().decode().splitlines())


def parse(lines: Iterable[str]) -> CommitLog:
    """A commit from the lines of its log file."""
    actions = [json.loads(line) for line in lines if line.strip()]
    infos = [action["commitInfo"] for action in actions if "commitInfo" in action]
    return CommitLog(
        added=tuple(_added(action["add"]) for action in actions if "add" in action),
        removed_files=sum("remove" in action for action in actions),
        metrics={name: str(value) for info in infos for name, value in info.get("operationMetrics", {}).items()},
        changes_schema=any("metaData" in action for action in actions),
    )


def _added(add: Mapping[str, Any]) -> AddedFile:
    day = next(iter(add.get("partitionValues", {}).values()), None)
    stats = json.loads(add.get("stats") or "{}")
    return AddedFile(
        path=unquote(add["path"]),
        day=partition(day) if day else None,
        bytes=add["size"],
        rows=stats.get("numRecords", 0),
        has_deletions=add.get("deletionVector") is not None,
    )


def sizes(lake: Lake, key: str, version: int) -> tuple[Size, Mapping[Partition, Size]]:
    """What the table and each of its days held at a version, from the log's file statistics."""
    table = DeltaTable(lake.uri(key), version=version, storage_options=lake.storage_options())
    files = pa.table(table.get_add_actions(flatten=True))
    total = Size(files.num_rows, _sum(files, "size_bytes"), _sum(files, "num_records"))
    return total, dict(_by_day(files, [name for name in files.column_names if name.startswith(_PARTITION)]))


def _sum(files: pa.Table, column: str) -> int:
    return int(pc.sum(files[column]).as_py() or 0)


def _by_day(files: pa.Table, parted_by: list[str]) -> Iterator[tuple[Partition, Size]]:
    grouped = files.group_by(parted_by).aggregate([("path", "count"), ("size_bytes", "sum"), ("num_records", "sum")])
    for row in grouped.to_pylist():
        size = Size(row["path_count"], row["size_bytes_sum"] or 0, row["num_records_sum"] or 0)
        yield next((row[name] for name in parted_by), WHOLE), size
