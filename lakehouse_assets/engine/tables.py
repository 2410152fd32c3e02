"""What a table file declares: names, columns and meaning, and no machinery."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Literal

import pyspark.sql.functions as F
from dagster import AssetKey
from pandera.pyspark import DataFrameModel
from pyspark.sql import Column, DataFrame

from lakehouse_assets.engine import definitions
from lakehouse_assets.engine.contracts import Contract, compile_model, without_quarantine
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.versions import code_version, digest
from lakehouse_assets.engine.writing.deduplication import Precedence

Transform = Callable[[DataFrame], DataFrame]

Drift = Literal["evolve", "freeze", "quarantine"]

TOPIC_TAG = "lakehouse/topic"
DROP_TAG = "lakehouse/drop"


@dataclass(frozen=True)
class Table(ABC):
    """What every table has; `key` is `layer/domain/table`."""

    key: str
    owner: str
    description: str
    freshness_hours: float | None = field(default=24.0, kw_only=True)
    """The table is stale, in Dagster and for the alerts, when nothing changed for so long; None promises nothing."""

    @property
    def asset_key(self) -> AssetKey:
        """The Dagster asset key, `[layer, domain, table]`."""
        return AssetKey(self.key.split("/"))

    @property
    def layer(self) -> str:
        """bronze, silver, gold or serve."""
        return self.key.split("/")[0]

    @property
    def name(self) -> str:
        """The key as an identifier, e.g. `silver_sales_transactions`."""
        return self.key.replace("/", "_")

    @property
    @abstractmethod
    def code_version(self) -> str:
        """Changes when the code or the contract that makes the table's rows does."""

    @property
    def quarantine(self) -> str:
        """The key of the table's quarantine."""
        return f"{self.key}_quarantine"


@dataclass(frozen=True)
class SourceTable(Table):
    """Bronze: what a source holds, as landed, one row per coordinate, append-only."""

    event_time: Callable[[], Column]
    """Over a record's columns: the event's own time, null where it can't be read (then the timestamp counts)."""

    @property
    @abstractmethod
    def origin(self) -> str:
        """The source in words, e.g. `topic sales.transactions`."""

    @property
    @abstractmethod
    def origin_key(self) -> AssetKey:
        """The source's own asset key."""

    @property
    @abstractmethod
    def origin_name(self) -> str:
        """The source as an identifier, e.g. `sales_transactions`."""

    @property
    @abstractmethod
    def origin_kinds(self) -> frozenset[str]:
        """What the source is, as the lineage graph shows it."""

    @property
    def promise(self) -> str:
        """What a record has to meet; others are set aside."""
        return "The record's day lies inside the calendar"

    @cached_property
    def code_version(self) -> str:
        """Changes when the table's file does."""
        return code_version(self.event_time)

    @property
    @abstractmethod
    def run_tag(self) -> tuple[str, str]:
        """The tag, name and value, of every run that takes in a batch of the source."""

    @abstractmethod
    def order(self, position: Position) -> tuple[str, ...] | None:
        """The topic ids in the order of the source; None where they sort by themselves."""


@dataclass(frozen=True)
class KafkaTable(SourceTable):
    """Bronze from a Kafka topic."""

    topic: str

    @property
    def origin(self) -> str:
        """`topic <name>`."""
        return f"topic {self.topic}"

    @property
    def origin_key(self) -> AssetKey:
        """`[kafka, <topic>]`, split at its dots."""
        return AssetKey(["kafka", *self.topic.split(".")])

    @property
    def origin_name(self) -> str:
        """The topic with underscores."""
        return self.topic.replace(".", "_")

    @property
    def origin_kinds(self) -> frozenset[str]:
        """A topic."""
        return frozenset({"kafka"})

    @property
    def run_tag(self) -> tuple[str, str]:
        """The topic."""
        return TOPIC_TAG, self.topic

    def order(self, position: Position) -> tuple[str, ...]:
        """As they were accepted: the ids of a topic and of its successor say nothing."""
        return position.topic_ids


def when_dropped() -> Column:
    """The time at which the store took the file."""
    return F.col("timestamp")


@dataclass(frozen=True, kw_only=True)
class DropTable(SourceTable):
    """Bronze from files dropped below an S3 prefix, one row per line."""

    event_time: Callable[[], Column] = when_dropped
    prefix: str
    """In the lakehouse's bucket, ends with a slash."""
    required: tuple[str, ...]
    """Columns that every file must have."""
    format: Literal["csv"] = "csv"

    @property
    def origin(self) -> str:
        """`drop <prefix>`."""
        return f"drop {self.prefix.strip('/')}"

    @property
    def origin_key(self) -> AssetKey:
        """The prefix, split at its slashes."""
        return AssetKey(self.prefix.strip("/").split("/"))

    @property
    def origin_name(self) -> str:
        """The prefix with underscores."""
        return self.prefix.strip("/").replace("/", "_")

    @property
    def origin_kinds(self) -> frozenset[str]:
        """Files on S3."""
        return frozenset({"s3", self.format})

    @property
    def run_tag(self) -> tuple[str, str]:
        """The prefix."""
        return DROP_TAG, self.prefix.strip("/")

    def order(self, position: Position) -> None:
        """File versions are named so that they sort by time, in whichever order they were taken."""
        return

    @property
    def promise(self) -> str:
        """What a file has to be."""
        return "The file is complete and well formed, and has every required column"

    @cached_property
    def code_version(self) -> str:
        """Changes when the form of the files does."""
        return digest(self.format, *self.required)


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


def tables_in(layer: ModuleType) -> Iterator[Table]:
    """The `table` of every file in a layer."""
    for module in iter_modules(layer.__path__, f"{layer.__name__}."):
        yield import_module(module.name).table
