"""A source table, bronze: what a source holds, as landed, one row per coordinate, append-only."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.types import StructField, StructType

from lakehouse_assets.engine import own_columns
from lakehouse_assets.engine.checks import Check
from lakehouse_assets.engine.decoding import Decoder
from lakehouse_assets.engine.grids import DAILY, Grid, Partition
from lakehouse_assets.engine.history import recovery
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.versions import code_version
from lakehouse_assets.engine.kinds.quarantine import Quarantine
from lakehouse_assets.engine.sources.planning import Acceptance
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets.engine.sources.source import Source
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import ingestion, judging
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS
from lakehouse_assets.engine.writing.engine import Batch, Engine
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.rebuilds import Rebuild
from lakehouse_assets.engine.writing.rows import made_up
from lakehouse_assets.engine.writing.verdicts import coordinate
from lakehouse_assets.errors import ContractError
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import AssetKey

_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SourceTable(Table):
    """Bronze: what a source holds, as landed, one row per coordinate, append-only."""

    event_time: Callable[[], Column] | str | tuple[str, ...]
    """The event's own time: a field of the decoded record, or the path to one within others; or an expression over the
    raw record's columns. Null where it can't be read: then the record's timestamp counts."""
    decode: Decoder | None = field(default=None, kw_only=True)
    """How a record's value is read: what is made from the table gets it decoded. None: as it came."""
    grid: Grid = field(default=DAILY, kw_only=True)
    """How it is parted, and what is made from it unless it says otherwise."""

    def __post_init__(self) -> None:
        """Refuses what could not hold, with a ContractError."""
        super().__post_init__()
        _ = self.moment

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
    def job_name(self) -> str:
        """The job that takes in what it has."""
        return f"ingest_{self.origin_name}"

    @property
    @abstractmethod
    def origin_kinds(self) -> frozenset[str]:
        """What the source is, as the lineage graph shows it."""

    @property
    @abstractmethod
    def run_tag(self) -> tuple[str, str]:
        """The tag, name and value, of every run that takes in a batch of the source."""

    @abstractmethod
    def order(self, position: Position) -> tuple[str, ...] | None:
        """The topic ids in the order of the source; None where they sort by themselves."""

    @abstractmethod
    def reader(self, settings: Settings) -> Source:
        """The source itself."""

    @property
    def promise(self) -> str:
        """What a record has to meet; others are set aside."""
        return "The record's day lies inside the calendar"

    @cached_property
    def code_version(self) -> str:
        """Changes when the table's file does."""
        return code_version(self.moment)

    @cached_property
    def moment(self) -> Callable[[], Column]:
        """The event's own time, over a raw record's columns.

        Raises:
            ContractError: a field is named, and nothing says how to decode it.
        """
        if callable(self.event_time):
            return self.event_time
        if self.decode is None:
            what, do = f"its event time {self.event_time!r} is a field of no known form", "Give decode=Json({...})"
            raise ContractError(what, where=self.key, do=do)
        path = (self.event_time,) if isinstance(self.event_time, str) else self.event_time
        return self.decode.event_time(*path)

    def decoded(self, rows: DataFrame, explode: str = "") -> DataFrame:
        """Its records as what is made from them gets them; of an array that is named each element as a row."""
        return rows if self.decode is None else self.decode.decode(rows, explode)

    @property
    def sources(self) -> tuple[SourceTable, ...]:
        """Itself."""
        return (self,)

    @property
    def made_from(self) -> tuple[str, ...]:
        """The source."""
        return (self.origin,)

    @property
    def asset_deps(self) -> tuple[AssetKey, ...]:
        """The source's own asset."""
        return (self.origin_key,)

    @property
    def set_aside(self) -> Quarantine:
        """Records dated outside of the calendar, and faulty files."""
        return Quarantine(self.quarantine, self.owner, f"Rows set aside from {self.key}: where, and why.", of=self)

    def increment(self, engine: Engine, batch: Batch) -> Publication | None:
        """The frozen slices as landed."""
        return ingestion.land(engine, self, batch)

    def rehearsed(self, spark: SparkSession, settings: Settings) -> DataFrame:
        """Records with their partition and verdict."""
        return judging.date_records(settings, self, made_up(spark, RECORD), _ANY_TIME, None)

    def rebuild(self, engine: Engine, days: Sequence[Partition], tries: Sequence[str] = ()) -> Rebuild:
        """A repair: what the source still holds and the table lacks is inserted, nothing is deleted."""
        return ingestion.repair(engine, self, days)

    def recovered(self, lake: Lake) -> Position:
        """Of its rows and those of its quarantine."""
        return recovery.by_rows(lake, self.sources, {self.key: recovery.OWN, self.quarantine: recovery.OWN})

    def acceptance(self, settings: Settings, ledger: Ledger) -> Acceptance:
        """That it goes on from the source as it is now."""
        return self.reader(settings).acceptance(ledger)

    @property
    def append_only(self) -> bool:
        """Every row stays as it came."""
        return True

    @property
    def full_grain(self) -> tuple[str, ...]:
        """The coordinate."""
        return self.coordinate

    @property
    def columns(self) -> StructType:
        """Those of a record, and its partition."""
        return own_columns.of_records(self.grid)

    @property
    def readable(self) -> StructType:
        """The same, without what they mean."""
        return StructType([*RECORD.fields, *(StructField(each.name, each.dataType) for each in self.grid.fields)])

    def published_schema(self, spark: SparkSession) -> StructType:
        """Those of a record, and its partition."""
        return self.readable

    @property
    def checks(self) -> tuple[Check, ...]:
        """One: that the record can land."""
        return (Check("landable", None, self.promise, "quarantine"),)

    def told(self) -> Column:
        """The coordinate."""
        return coordinate(self.coordinate)

    @property
    def grain_said(self) -> str:
        """A row is a record."""
        return f"one row per record: {', '.join(f'`{name}`' for name in self.coordinate)}"

    def rules_said(self) -> Iterator[str]:
        """What a record has to meet."""
        yield f"**Rules**: {self.promise[0].lower()}{self.promise[1:]}; others go to the quarantine whole"

    def inputs(self) -> Mapping[str, StructType]:
        """The source's records."""
        return {"/".join(self.origin_key.path): RECORD}

    def derived(self, inputs: Mapping[str, DataFrame], settings: Settings) -> DataFrame:
        """The records, dated."""
        [records] = inputs.values()
        return judging.date_records(settings, self, records, _ANY_TIME, faults=None).drop(REASONS, REMARKS)

    def names(self) -> Iterator[tuple[str, str]]:
        """And those of its source."""
        yield from super().names()
        yield "the asset", self.origin_key.to_user_string()
        yield "the source's name", self.origin_name
