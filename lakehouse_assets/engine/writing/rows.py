"""Rows that are computed once, however often they are looked at: few in this process, many on the Spark server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructField, StructType

from lakehouse_assets.engine.grids import WHOLE, Grid, Partition, ordered
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS, Audit, Sampling, audit

MOST_BYTES: Final = 16 * 2**20
"""Of rows that go to the Spark server by value, with each statement over them."""


@dataclass(frozen=True)
class Rows:
    """A frame to go on with."""

    frame: DataFrame
    here: pa.Table | None = None
    """The same rows, where this process has them."""


def once(frame: DataFrame, *, few: bool) -> Rows:
    """Computes `few` rows now; of many the server keeps those that it computes first."""
    if few:
        here = frame.toArrow()
        if here.nbytes <= MOST_BYTES:
            return Rows(frame.sparkSession.createDataFrame(here, from_arrow_schema(here.schema)), here)
    return Rows(frame.localCheckpoint(eager=False))


def made_up(spark: SparkSession, schema: StructType) -> DataFrame:
    """One row of nulls."""
    nullable = StructType([StructField(each.name, each.dataType) for each in schema])
    return spark.createDataFrame([(None,) * len(nullable)], nullable)


def audited(rows: Rows, grid: Grid, sampling: Sampling) -> Audit:
    """As `audits.audit`; without asking Spark where all rows are here and good."""
    counted = None if rows.here is None else _all_good(rows.here, grid)
    return audit(rows.frame, grid, sampling) if counted is None else counted


def _all_good(here: pa.Table, grid: Grid) -> Audit | None:
    """None where a row breaks a rule, or lies in no partition."""
    if any(pc.sum(pc.list_value_length(here[name])).as_py() for name in (REASONS, REMARKS)):
        return None
    if not grid.columns:
        return Audit({WHOLE: here.num_rows} if here.num_rows else {})
    days: Counter[Partition | None] = Counter(_values(here[grid.column]))
    return None if None in days else Audit({day: days[day] for day in ordered(filter(None, days))})


def _values(column: pa.ChunkedArray) -> Sequence[Partition | None]:
    try:
        return [*column.to_pylist()]
    except (OverflowError, ValueError):
        return [None]
