"""What the file of a bronze table declares: its source and how to read an event's time from a record."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pyspark.sql.functions as F
from pyspark.sql import Column

from lakehouse_assets.engine import naming
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.versions import code_version, digest
from lakehouse_assets.engine.sources.csv_format import Csv, names_fault
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import ContractError

if TYPE_CHECKING:
    from dagster import AssetKey

TOPIC_TAG = "lakehouse/topic"
DROP_TAG = "lakehouse/drop"


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

    def __post_init__(self) -> None:
        super().__post_init__()
        if fault := naming.topic_fault(self.topic):
            raise ContractError(f"topic {self.topic!r} {fault}", where=self.key, do="Give the name of another topic")

    @property
    def origin(self) -> str:
        """`topic <name>`."""
        return f"topic {self.topic}"

    @property
    def origin_key(self) -> AssetKey:
        """`[kafka, <topic>]`, split at its dots where letters, digits and single underscores stand between."""
        from dagster import AssetKey

        return AssetKey(["kafka", *naming.words(self.topic, ".")])

    @property
    def origin_name(self) -> str:
        """The topic with underscores; see `naming.identifier`."""
        return naming.identifier(self.topic, ".")

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
    format: Csv = field(default_factory=Csv)
    """How the files are written."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if fault := naming.prefix_fault(self.prefix):
            raise ContractError(f"prefix {self.prefix!r} {fault}", where=self.key, do="Give one like landing/sales/")
        if fault := self._required_fault():
            raise ContractError(f"required columns: {fault}", where=self.key, do="Name columns that every file has")

    def _required_fault(self) -> str | None:
        if isinstance(self.required, str):
            return f"{self.required!r} is a text, not a tuple of names"
        if not self.required:
            return None
        missing = {*self.required} - {*(self.format.header or self.required)}
        return f"the declared header has no {sorted(missing)}" if missing else names_fault(self.required)

    @property
    def origin(self) -> str:
        """`drop <prefix>`."""
        return f"drop {self.prefix.strip('/')}"

    @property
    def origin_key(self) -> AssetKey:
        """The prefix, split at its slashes."""
        from dagster import AssetKey

        parts = self.prefix.strip("/").split("/")
        return AssetKey([name for part in parts for name in naming.words(part, "/")])

    @property
    def origin_name(self) -> str:
        """The prefix with underscores; see `naming.identifier`."""
        return naming.identifier(self.prefix.strip("/"), "/")

    @property
    def origin_kinds(self) -> frozenset[str]:
        """Files on S3."""
        return frozenset({"s3", "csv"})

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
        return digest("csv", *self.required, *self.format.said())
