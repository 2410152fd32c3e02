"""The quarantine of a table: rows set aside with their coordinate and every rule they broke.

It is written before its table. Rows beyond the table's position are what a run left behind that died in between: they
are not shown, and the next batch takes their place.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Slice, predicate
from lakehouse_assets.engine.writing import delta


def left_behind(lake: Lake, quarantine: str, table: Ledger) -> tuple[Slice, ...]:
    """Coordinates that a dead run wrote to the quarantine beyond its table's position."""
    return lake.ledger(quarantine).position.since(table.position)


def replaced(slices: Sequence[Slice], leftovers: Sequence[Slice]) -> str:
    """Which quarantined rows a batch takes the place of: its own slices and all that was left behind."""
    return predicate((*slices, *leftovers))


def shown(spark: SparkSession, lake: Lake, table: str, quarantine: str) -> DataFrame:
    """The quarantined rows up to the table's position."""
    return delta.read(spark, lake, quarantine, slices=lake.ledger(table).position.slices())
