"""What a table file declares: names, columns and meaning, and no machinery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from dagster import AssetKey
from pandera.pyspark import DataFrameModel
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import StructType

from lakehouse_assets.engine.contracts import Contract, compile_model
from lakehouse_assets.errors import ContractError

Transform = Callable[[DataFrame], DataFrame]


@dataclass(frozen=True)
class Table:
    """What every table has; `key` is `layer/domain/table`."""

    key: str
    owner: str
    description: str
    freshness_hours: float | None = field(default=None, kw_only=True)
    """Dagster shows the table as stale when no day of it changed for so long; None promises nothing."""

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
    def quarantine(self) -> str:
        """The key of the table's quarantine."""
        return f"{self.key}_quarantine"


@dataclass(frozen=True)
class KafkaTable(Table):
    """Bronze: a topic as landed, one row per coordinate, append-only."""

    topic: str
    event_time: Callable[[], Column]
    """Over a record's columns: the event's own time, null where it can't be read (then Kafka's timestamp counts)."""


@dataclass(frozen=True)
class EventTable(Table):
    """Silver: typed events, one row per grain, the lowest coordinate wins; bad rows in quarantine."""

    source: KafkaTable
    schema: type[DataFrameModel]
    grain: tuple[str, ...]
    """Columns that identify an event, besides event_date."""
    transform: Transform
    """Bronze records to typed rows; keeps the coordinate, adds `unreadable` where a field can't be read."""

    @property
    def full_grain(self) -> tuple[str, ...]:
        """The grain with event_date: what identifies a row."""
        return (*self.grain, "event_date")

    @cached_property
    def contract(self) -> Contract:
        """The compiled schema."""
        return compile_model(self.schema, self.key)


@dataclass(frozen=True)
class DailyTable(Table):
    """Gold: an answer for each day, recomputed from the days of its source that changed."""

    source: EventTable
    schema: type[DataFrameModel]
    transform: Transform
    """All rows of some days to those days' answers, with `event_date`."""
    grain: tuple[str, ...] = ()
    """Columns that identify an answer, besides event_date; none for one row a day."""

    @property
    def full_grain(self) -> tuple[str, ...]:
        """The grain with event_date: what identifies a row."""
        return (*self.grain, "event_date")

    @cached_property
    def contract(self) -> Contract:
        """The compiled schema."""
        return compile_model(self.schema, self.key)


@dataclass(frozen=True)
class Reference:
    """A table by key, of which a view reads these columns; as long as it does not exist it is read as empty."""

    key: str
    fields: StructType

    @property
    def name(self) -> str:
        """The key as an identifier, e.g. `silver_sales_products`."""
        return self.key.replace("/", "_")


Source = EventTable | DailyTable | Reference


@dataclass(frozen=True)
class View(Table):
    """Serve: an answer combined from other tables when it is read; holds no rows of its own."""

    sources: tuple[Source, ...]
    schema: type[DataFrameModel]
    grain: tuple[str, ...]
    """Columns that identify a row."""
    sql: str
    """One SELECT over the sources' names (`gold_sales_customer_days`), in SQL that Spark, DuckDB and delta-rs share."""

    @cached_property
    def contract(self) -> Contract:
        """The compiled schema.

        Raises:
            ContractError: a column has a check; only types, nulls and the grain of a view are examined.
        """
        compiled = compile_model(self.schema, self.key)
        checked = [rule.name for rule in compiled.rules if rule.check != "not_null"]
        if checked:
            raise ContractError(
                f"{checked[0]!r} would not be examined: a view stores nothing that a rule could hold back",
                where=self.key,
                do="Put the rule on the table that the view reads",
            )
        return compiled


def tables_in(layer: ModuleType) -> Iterator[Table]:
    """The `table` of every file in a layer."""
    for module in iter_modules(layer.__path__, f"{layer.__name__}."):
        yield import_module(module.name).table
