"""What a table file declares: names, columns and meaning, and no machinery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Literal

from pandera.pyspark import DataFrameModel
from pyspark.sql import DataFrame

from lakehouse_assets.engine import definitions
from lakehouse_assets.engine.contracts import Contract, compile_model, without_quarantine
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.versions import code_version
from lakehouse_assets.engine.naming import check_distinct
from lakehouse_assets.engine.source_tables import (
    DROP_TAG,
    TOPIC_TAG,
    DropTable,
    KafkaTable,
    SourceTable,
    when_dropped,
)
from lakehouse_assets.engine.sources.csv_format import Csv
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.deduplication import Precedence

__all__ = [
    "DROP_TAG",
    "TOPIC_TAG",
    "Csv",
    "DailyTable",
    "Drift",
    "DropTable",
    "EventTable",
    "KafkaTable",
    "Quarantine",
    "SourceTable",
    "Table",
    "Transform",
    "check_names",
    "quarantine_of",
    "tables_in",
    "when_dropped",
]

Transform = Callable[[DataFrame], DataFrame]

Drift = Literal["evolve", "freeze", "quarantine"]


@dataclass(frozen=True)
class EventTable(Table):
    """Silver: typed events, one row per grain, the lowest or highest coordinate wins; bad rows in quarantine."""

    source: SourceTable
    schema: type[DataFrameModel]
    grain: tuple[str, ...]
    """Columns that identify an event, besides event_date."""
    transform: Transform
    """Bronze records to typed rows; keeps the coordinate, adds `unreadable` where a field can't be read."""
    drift: Drift = "evolve"
    """What a field does that the transform does not read: is kept in `undeclared`, stops the run, or sets the record
    aside. A field that is absent stops the run or sets the record aside."""
    keep: Literal["first", "last"] = "first"
    """Which record of a grain wins: the one with the lowest or with the highest coordinate."""

    def __post_init__(self) -> None:
        """Refuses what could not hold, with a ContractError."""
        definitions.check_events(self.contract, self.grain, self.key)

    def precedence(self, position: Position) -> Precedence:
        """Which of two coordinates in a position wins."""
        return Precedence(self.keep, self.source.order(position))

    @property
    def full_grain(self) -> tuple[str, ...]:
        """The grain with event_date: what identifies a row."""
        return (*self.grain, "event_date")

    @cached_property
    def contract(self) -> Contract:
        """The compiled schema."""
        return compile_model(self.schema, self.key)

    @cached_property
    def code_version(self) -> str:
        """Changes when the table's file or contract does."""
        return code_version(self.transform, self.contract.version)


@dataclass(frozen=True)
class DailyTable(Table):
    """Gold: an answer for each day, recomputed from the days of its source that changed."""

    source: EventTable
    schema: type[DataFrameModel]
    transform: Transform
    """All rows of some days to those days' answers, with `event_date`."""
    plot: str = ""
    """The column that a materialization plots, summed by day; none is plotted without."""
    grain: tuple[str, ...] = ()
    """Columns that identify an answer, besides event_date; none for one row a day."""

    def __post_init__(self) -> None:
        """Refuses what could not hold, with a ContractError."""
        definitions.check_answers(self.contract, self.key)

    @property
    def full_grain(self) -> tuple[str, ...]:
        """The grain with event_date: what identifies a row."""
        return (*self.grain, "event_date")

    @property
    def grain_rule(self) -> str:
        """The grain as a rule, e.g. `one row per ProductNo and event_date`."""
        return f"one row per {' and '.join(self.full_grain)}"

    @cached_property
    def contract(self) -> Contract:
        """The compiled schema; a broken rule that names no severity fails.

        Raises:
            ContractError: a check cannot be enforced, or is to set answers aside: they have no record to come back to.
        """
        return without_quarantine(compile_model(self.schema, self.key, default="fail"), self.key)

    @cached_property
    def code_version(self) -> str:
        """Changes when the table's file or contract does."""
        return code_version(self.transform, self.contract.version)


@dataclass(frozen=True)
class Quarantine(Table):
    """What a table set aside, one row per coordinate; a day of it is replayed by materializing it."""

    of: SourceTable | EventTable

    @property
    def code_version(self) -> str:
        """That of the table whose rows they are."""
        return self.of.code_version


def quarantine_of(table: SourceTable | EventTable) -> Quarantine:
    """The quarantine of a table, as an asset."""
    return Quarantine(table.quarantine, table.owner, f"Rows set aside from {table.key}: where, and why.", of=table)


def check_names(tables: Iterable[Table]) -> None:
    """Makes sure that Dagster and the store can tell the tables, their quarantines and their sources apart.

    Raises:
        ContractError: two share a name; says which.
    """
    known = [*tables]
    sources = [table for table in known if isinstance(table, SourceTable)]
    keys = [(table.key, table.asset_key.to_user_string()) for table in known]
    keys += [(table.key, table.quarantine) for table in known if isinstance(table, SourceTable | EventTable)]
    keys += [(table.key, table.origin_key.to_user_string()) for table in sources]
    check_distinct(keys, "the asset")
    check_distinct([(table.key, table.name) for table in known], "the name")
    check_distinct([(table.key, table.origin_name) for table in sources], "the source's name")


def tables_in(layer: ModuleType) -> Iterator[Table]:
    """The `table` of every file in a layer."""
    for module in iter_modules(layer.__path__, f"{layer.__name__}."):
        yield import_module(module.name).table
