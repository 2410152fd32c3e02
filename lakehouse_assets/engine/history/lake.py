"""The tables as they lie on S3: where they are, what their history says, what days they hold. Reads no rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError
from pyspark.sql.types import StructType

from lakehouse_assets.access import s3
from lakehouse_assets.engine.grids import GRIDS, UNPARTED, WHOLE, Grid, Partition, partition
from lakehouse_assets.engine.history import ledger, segments, walking
from lakehouse_assets.engine.history.ledger import Commit, Ledger, Statement
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.segment_objects import SegmentObjects
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

FIRST_LOOK = 10
Read = TypeVar("Read")
_NO_TABLE = Ledger(version=-1, position=Position(), position_version=-1)


@dataclass(frozen=True)
class Size:
    """What a day of a table takes up."""

    rows: int
    bytes: int
    files: int


@dataclass(frozen=True)
class Lake:
    """All tables of one bucket, read by delta-rs from their logs: no Spark session, milliseconds."""

    settings: Settings

    def forward(self, *keys: str) -> None:
        """Has tables looked at anew, all where none is named, in a lake that looks at each once only."""

    def newly(self, key: str) -> Lake:
        """Itself, with one table as it is now."""
        self.forward(key)
        return self

    def once(self, asked: tuple[str, int, str], read: Callable[[], Read]) -> Read:
        """What reading rows comes to; a lake that stands still knows it from the last time."""
        return read()

    def file(self, key: str, path: str, read: Callable[[], pa.Table]) -> pa.Table:
        """The rows of a small file of a table; a lake that stands still keeps them for a while."""
        return read()

    def uri(self, key: str, scheme: str = "s3") -> str:
        """Where a table lies; Spark wants the scheme `s3a`."""
        return f"{scheme}://{self.settings.bucket}/{key}"

    def open(self, key: str) -> DeltaTable | None:
        """The table at its newest version, None where there is none yet.

        Raises:
            UnavailableError: the store does not answer.
        """
        try:
            return DeltaTable(self.uri(key), storage_options=self.storage_options())
        except TableNotFoundError:
            return None
        except OSError as error:
            raise UnavailableError(
                f"cannot read the table's log: {str(error).splitlines()[0]}",
                where=key,
                do=f"Check that S3 answers at {self.settings.s3_endpoint or 'its endpoint'} (`lakehouse status`)",
            ) from error

    def open_at(self, key: str, version: int | None) -> DeltaTable | None:
        """The table at a version, None for its newest one; only to read rows, never its history."""
        table = self.open(key)
        if table is None or version in (None, table.version()):
            return table
        return DeltaTable(self.uri(key), version=version, storage_options=self.storage_options())

    def version(self, key: str) -> int:
        """The newest version; -1 where there is no table."""
        table = self.open(key)
        return table.version() if table else -1

    def ledger(self, key: str, version: int | None = None) -> Ledger:
        """What the table's history says, as of a version."""
        table = self.open(key)
        if table is None:
            return _NO_TABLE
        done = table.transaction_version(key)
        found = walking.read(self.history(key, table.version() if version is None else version))
        return replace(found, transaction_version=-1 if done is None else done)

    def commits(self, key: str, version: int | None = None) -> Iterator[Commit]:
        """The table's history up to a version, newest first."""
        return walking.sound(self.history(key, version))

    def history(self, key: str, version: int | None = None) -> Iterator[Commit]:
        """The table's history as it was written, newest first; `commits` leaves out what does not count."""
        table = self.open(key)
        return commits(self, table, key, version) if table else iter(())

    def segments(self, key: str) -> segments.Store:
        """Where the older part of a long position lies."""
        return SegmentObjects(self.settings, key)

    def said(self, key: str, statement: Statement) -> str:
        """What a commit of the table says, as its `userMetadata`; the segments that it names are written first.

        Raises:
            UnavailableError: the store does not answer.
        """
        return statement.to_json(partial(segments.state, self.segments(key)))

    def transaction_version(self, key: str, app_id: str) -> int:
        """The newest transaction of an application that Delta knows of the table; -1 for none."""
        table = self.open(key)
        done = table.transaction_version(app_id) if table else None
        return -1 if done is None else done

    def parted_by(self, key: str) -> tuple[str, ...] | None:
        """The columns that a table's folders are parted by; None where there is no table."""
        table = self.open(key)
        return tuple(table.metadata().partition_columns) if table else None

    def grid(self, key: str) -> Grid:
        """How a table is parted, by its own folders."""
        return next((grid for grid in GRIDS if grid.columns == self.parted_by(key)), UNPARTED)

    def days(self, key: str) -> frozenset[Partition]:
        """The days that hold rows, from the log alone."""
        table = self.open(key)
        if table is None:
            return frozenset()
        if not table.metadata().partition_columns:
            return frozenset([WHOLE] if table.count() else [])
        return frozenset(partition(day) for part in table.partitions() for day in part.values() if day)

    def rows_in(self, key: str, days: Iterable[Partition]) -> int:
        """How many rows the table holds in these days, from the log's file statistics."""
        rows, wanted = self.rows_by_day(key), {*days}
        return sum(count for day, count in rows.items() if day in wanted or WHOLE in wanted)

    def rows_by_day(self, key: str) -> dict[Partition, int]:
        """How many rows the table holds by day, from the log's file statistics."""
        return {day: size.rows for day, size in self.sizes(key).items()}

    def sizes(self, key: str) -> dict[Partition, Size]:
        """What the table holds by day, from the log's file statistics."""
        table = self.open(key)
        if table is None:
            return {}
        files = pa.table(table.get_add_actions(flatten=True))
        parted_by = [f"partition.{name}" for name in table.metadata().partition_columns]
        summed = files.group_by(parted_by).aggregate([("num_records", "sum"), ("size_bytes", "sum"), ("path", "count")])
        return {
            next((each[name] for name in parted_by), WHOLE): Size(
                each["num_records_sum"] or 0, each["size_bytes_sum"] or 0, each["path_count"]
            )
            for each in summed.to_pylist()
        }

    def schema(self, key: str) -> StructType | None:
        """The table's columns, with comments; None where there is no table."""
        table = self.open(key)
        return schema_of(table) if table else None

    def rows(self, key: str) -> int:
        """How many rows the table holds, from the log's file statistics."""
        table = self.open(key)
        return int(table.count()) if table else 0

    def query(self, key: str, sql: str) -> list[dict[str, Any]]:
        """The rows of a query over the table, which it calls `t`; none where there is no table."""
        table = self.open(key)
        if table is None:
            return []
        rows: list[dict[str, Any]] = pa.table(QueryBuilder().register("t", table).execute(sql).read_all()).to_pylist()
        return rows

    def least(self, key: str, column: str) -> datetime | None:
        """The least time in a column, from the log's file statistics; None where there is no row, or no statistics."""
        table = self.open(key)
        files = pa.table(table.get_add_actions(flatten=True)).to_pydict() if table else {}
        found = [each for each in files.get(f"min.{column}", ()) if each is not None]
        return min(found, default=None)

    def storage_options(self) -> dict[str, str]:
        """What delta-rs needs to reach the store; holds the secret key, so never log it."""
        return s3.delta_rs(self.settings)


def schema_of(table: DeltaTable) -> StructType:
    """A table's columns, with comments."""
    return StructType.fromJson(json.loads(table.schema().to_json()))


def commits(lake: Lake, table: DeltaTable, key: str, version: int | None = None) -> Iterator[Commit]:
    """A table's history up to a version, newest first, in growing pieces: a recent answer costs little."""
    limit, store = FIRST_LOOK, lake.segments(key)
    newest = math.inf if version is None else version
    while True:
        history = _history(table, limit)
        for entry in history:
            if entry["version"] <= newest:
                newest = entry["version"] - 1
                yield _commit(entry, key, store)
        if len(history) < limit:
            return
        limit *= 10


def newest(lake: Lake, table: DeltaTable, key: str) -> list[Commit]:
    """The newest `FIRST_LOOK` commits of a table, which is at the first of them afterwards."""
    store = lake.segments(key)
    return [_commit(entry, key, store) for entry in _history(table, FIRST_LOOK)]


def _history(table: DeltaTable, limit: int) -> list[dict[str, Any]]:
    """The newest commits. delta-rs reads the newest ones but numbers them from the version that is loaded."""
    while True:
        history = table.history(limit)
        numbered_from = table.version()
        table.update_incremental()
        if table.version() == numbered_from:
            return history


def _commit(entry: dict[str, Any], key: str, store: segments.Store) -> Commit:
    operation = entry.get("operation", "")
    parameters = entry.get("operationParameters") or {}
    restored = parameters.get("version") if operation == "RESTORE" else None
    return Commit(
        version=int(entry["version"]),
        timestamp_ms=int(entry.get("timestamp", 0)),
        operation=operation,
        statement=ledger.parse(entry.get("userMetadata"), key, partial(segments.read, store)),
        restored_to=int(restored) if restored is not None else None,
    )
