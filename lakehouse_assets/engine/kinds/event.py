"""A table of events, silver: typed, one row per grain, the lowest or highest coordinate wins; bad rows set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Literal

from pandera.pyspark import DataFrameModel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.types import StructType

from lakehouse_assets.engine import checks, definitions, own_columns
from lakehouse_assets.engine.checks import Check, Drift
from lakehouse_assets.engine.contracts import Contract, compile_model
from lakehouse_assets.engine.decoding.lines import LINE
from lakehouse_assets.engine.grids import Grid, Partition
from lakehouse_assets.engine.history import recovery
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.kinds import selecting
from lakehouse_assets.engine.kinds.quarantine import Quarantine
from lakehouse_assets.engine.table import Table, Transform
from lakehouse_assets.engine.upstreams import Upstream, upstreams
from lakehouse_assets.engine.writing import events, replays
from lakehouse_assets.engine.writing.deduplication import COORDINATE, LOSERS, Precedence
from lakehouse_assets.engine.writing.engine import Batch, Engine
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.rebuilds import Rebuild
from lakehouse_assets.engine.writing.rows import made_up
from lakehouse_assets.engine.writing.verdicts import coordinate, typed_rows, winners
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class EventTable(Table):
    """Silver: typed events, one row per grain, the lowest or highest coordinate wins; bad rows in quarantine."""

    source: Table | Upstream | Sequence[Table | Upstream]
    """The source table that its records come from, or several; and after them the tables that are looked up."""
    schema: type[DataFrameModel]
    grain: tuple[str, ...]
    """Columns that identify an event, besides its partition."""
    transform: Transform | None = None
    """Frames of the sources, and of what is looked up, to typed rows; keeps the coordinate, adds `unreadable` where a
    field can't be read."""
    drift: Drift = "evolve"
    """What a field does that the transform does not read: is kept in `undeclared`, stops the run, or sets the record
    aside. A field that is absent stops the run or sets the record aside."""
    sql: str = ""
    """In the place of a transform: one SELECT over their names (`bronze_sales_orders`); keeps the record's columns."""
    keep: Literal["first", "last"] = "first"
    """Which record of a grain wins: the one with the lowest or with the highest coordinate."""
    explode: str = ""
    """The column of an array in the decoded records of which each element is a row: the transform finds the element
    under that name, and its number in the column `line`. A record without an element is set aside."""

    def __post_init__(self) -> None:
        """Refuses what could not hold, with a ContractError."""
        super().__post_init__()
        decodes = all(each.decode for each in self.sources) and len(self.sources) == 1
        selecting.check(self.transform, self.sql, self.key, decodes=decodes)
        definitions.check_sources(self)
        definitions.check_explode(self)
        definitions.check_events(self.contract, self.grain, self.key, self.coordinate)

    @cached_property
    def contract(self) -> Contract:
        """The compiled schema."""
        return compile_model(self.schema, self.key)

    @cached_property
    def code_version(self) -> str:
        """Changes when the table's file or contract does."""
        read = [*(repr(each.decode) for each in self.sources if each.decode), *([self.explode] if self.explode else [])]
        return selecting.version_of(self.transform, self.sql, self.contract, read)

    @cached_property
    def function(self) -> Transform:
        """What makes its rows from frames of what it lives on."""
        return selecting.function_of(self.transform, self.sql, self.lives_on, self.explode)

    @cached_property
    def lives_on(self) -> tuple[Upstream, ...]:
        """Its sources, and what it looks up."""
        return upstreams(self.source)

    @property
    def set_aside(self) -> Quarantine:
        """Records that cannot be read, or break a rule."""
        return Quarantine(self.quarantine, self.owner, f"Rows set aside from {self.key}: where, and why.", of=self)

    def increment(self, engine: Engine, batch: Batch) -> Publication | None:
        """The records of its source beyond its position, at most one batch of them."""
        return events.refine(engine, self)

    def rebuild(self, engine: Engine, days: Sequence[Partition], tries: Sequence[str] = ()) -> Rebuild:
        """The days' records through today's transform and contract."""
        return events.redo(engine, self, days, tries)

    def replay(self, engine: Engine, days: Sequence[Partition]) -> Rebuild:
        """The days' quarantined records through today's transform and contract."""
        return replays.replay(engine, self, days)

    def recovered(self, lake: Lake) -> Position:
        """Of its rows and their losers, of whole files by its source; its quarantine may hold what a dead run left."""
        return recovery.by_rows_of_events(lake, self)

    @property
    def grid(self) -> Grid:
        """That of its sources."""
        return self.sources[0].grid

    @property
    def full_grain(self) -> tuple[str, ...]:
        """The grain with the partition."""
        return (*self.grain, *self.grid.columns)

    @property
    def coordinate(self) -> tuple[str, ...]:
        """That of a record, or of a line of it."""
        return (*COORDINATE, LINE) if self.explode else COORDINATE

    def lines(self, records: Sequence[DataFrame]) -> DataFrame:
        """The coordinates that its rows have to have, of records of its sources."""
        sources = zip(self.sources, records, strict=True)
        opened = [each.decoded(frame, self.explode) if self.explode else frame for each, frame in sources]
        return reduce(DataFrame.unionAll, (each.select(*self.coordinate) for each in opened))

    @property
    def quarantined_by_day(self) -> bool:
        """Its records come from bronze, which keeps to the calendar."""
        return True

    def coordinates(self, rows: str, where: str) -> str:
        """Those of the rows, and of their losers."""
        losers = f"SELECT explode({LOSERS}) AS l FROM {rows} WHERE {where}"
        own = super().coordinates(rows, where)
        named = ", ".join(f"l.`{name}`" for name in self.coordinate)
        return f"{own} UNION ALL SELECT {named} FROM ({losers})"

    @property
    def columns(self) -> StructType:
        """Those of the model, and what the engine keeps of the record."""
        return own_columns.of_events(self.contract.fields, self.grid, self.coordinate)

    @property
    def readable(self) -> StructType:
        """The model, the day and the coordinate."""
        return own_columns.readable_of_events(self.contract.fields, self.grid, self.coordinate)

    def published_schema(self, spark: SparkSession) -> StructType:
        """As an empty batch would have it."""
        frames = [spark.createDataFrame([], each.readable) for each in (*self.upstreams, *self.references)]
        return winners(self, typed_rows(self, frames), Precedence(coordinate=self.coordinate)).schema

    def rehearsed(self, spark: SparkSession, settings: Settings) -> DataFrame:
        """Rows with their verdicts, one for each grain."""
        typed = typed_rows(self, [made_up(spark, each.table.readable) for each in self.lives_on])
        return typed.unionByName(winners(self, typed, Precedence(coordinate=self.coordinate)), allowMissingColumns=True)

    @property
    def checks(self) -> tuple[Check, ...]:
        """Whether records are readable, have the declared fields, and meet each rule."""
        readable = Check("readable", None, "Each field can be read as its type", "quarantine")
        return (readable, checks.of_drift(self.drift), *checks.of_rules(self.contract))

    @property
    def is_frozen(self) -> bool:
        """Whether it declares so."""
        return self.drift == "freeze"

    def told(self) -> Column:
        """The coordinate."""
        return coordinate(self.coordinate)

    def rules_said(self) -> Iterator[str]:
        """The contract, and what a field does that comes or goes."""
        yield f"**Rules**: {checks.rules_said(self.contract, 'quarantine', 'others go to the quarantine')}"
        yield f"**Drift**: {self.drift}"

    def derived(self, inputs: Mapping[str, DataFrame], settings: Settings) -> DataFrame:
        """The transform's own columns."""
        return self.function(*(inputs[each.table.key] for each in self.lives_on))
