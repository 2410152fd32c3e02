"""The records that events are made of: a frame of each source, and of each table that is looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

from lakehouse_assets.engine.decoding.lines import LINE
from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import delta
from lakehouse_assets.engine.writing.deduplication import COORDINATE

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.event import EventTable


@dataclass(frozen=True)
class Records:
    """Frames in the order in which a transform takes them: the sources, then what is looked up."""

    sources: tuple[DataFrame, ...]
    looked_up: tuple[DataFrame, ...] = ()
    lines: DataFrame | None = None
    """The only lines of the records that are asked for, by coordinate; one without a number stands for all of its
    record. None: every line."""

    @property
    def frames(self) -> tuple[DataFrame, ...]:
        """All of them."""
        return (*self.sources, *self.looked_up)

    def where(self, condition: str) -> Records:
        """The records of the sources that meet a condition."""
        return replace(self, sources=tuple(each.where(condition) for each in self.sources))

    def among(self, coordinates: DataFrame) -> Records:
        """The records of the sources that have one of these coordinates, and of their lines those that these name."""
        found = tuple(each.join(coordinates, on=[*COORDINATE], how="left_semi") for each in self.sources)
        return replace(self, sources=found, lines=coordinates if LINE in coordinates.columns else None)

    def asked_for(self, rows: DataFrame) -> DataFrame:
        """The rows of lines that are asked for."""
        if self.lines is None:
            return rows
        row, line = rows.alias("row"), self.lines.alias("asked")
        same = [F.col(f"row.{name}") == F.col(f"asked.{name}") for name in COORDINATE]
        is_it = F.col(f"asked.{LINE}").isNull() | (F.col(f"asked.{LINE}") == F.col(f"row.{LINE}"))
        return row.join(line, reduce(Column.__and__, same) & is_it, "left_semi")

    def together(self, *columns: str) -> DataFrame:
        """Columns that all records of all sources have."""
        return reduce(DataFrame.unionAll, (each.select(*columns) for each in self.sources))


def records_of(
    spark: SparkSession,
    lake: Lake,
    table: EventTable,
    where: Mapping[str, str],
    slices: Sequence[Slice] | None = None,
    *,
    few: bool = False,
    handed: Mapping[str, DataFrame] = MappingProxyType({}),
) -> tuple[Records, dict[str, int]]:
    """The records of a table's sources, pruned by a condition for each, and what it looks up, with their versions.

    `handed`: by source, where exactly these records are in the session already.
    """
    versions = {each.key: lake.version(each.key) for each in table.references}
    sources = (
        handed[each.key] if each.key in handed else _read(spark, lake, each, where[each.key], slices, few=few)
        for each in table.sources
    )
    looked_up = (_read(spark, lake, each, version=versions[each.key]) for each in table.references)
    return Records(tuple(sources), tuple(looked_up)), versions


def _read(
    spark: SparkSession,
    lake: Lake,
    table: Table,
    where: str = "",
    slices: Sequence[Slice] | None = None,
    version: int | None = None,
    *,
    few: bool = False,
) -> DataFrame:
    """A table, or no rows of one that does not exist yet."""
    if (lake.version(table.key) if version is None else version) < 0:
        return spark.createDataFrame([], table.readable)
    return delta.read(spark, lake, table.key, where=where, slices=slices, version=version, few=few)


def on(table: EventTable, days: Sequence[Partition]) -> dict[str, str]:
    """By source: a condition that prunes to partitions of the table."""
    return {each.table.key: each.needed(table.grid, days) for each in table.lives_on if not each.looked_up}
