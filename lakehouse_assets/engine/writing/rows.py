"""Rows that are computed once, however often they are looked at: few in this process, many on the Spark server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructField, StructType

from lakehouse_assets.engine.grids import WHOLE, Grid, Partition
from lakehouse_assets.engine.writing import audits
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS, Audit, Sample, Samples, Sampling, day_of, gather

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
    """As `audits.audit`; where the rows are here, Spark is asked for nothing but samples of what broke a rule."""
    found = None if rows.here is None else _counted(rows.here, grid)
    if rows.here is None or found is None:
        return audits.audit(rows.frame, grid, sampling)
    return replace(found, samples=_sampled(rows, rows.here, grid, sampling)) if found.broken else found


def _counted(here: pa.Table, grid: Grid) -> Audit | None:
    """None where a partition is one that Python cannot hold, or there is too much to tell."""
    days = _values(here[grid.column]) if grid.columns else [WHOLE] * here.num_rows
    if days is None:
        return None
    told = zip(days, *(map(tuple, here[name].to_pylist()) for name in (REASONS, REMARKS)), strict=True)
    groups = Counter(told)
    return None if len(groups) > audits.MOST_GROUPS else gather((*group, count) for group, count in groups.items())


def _sampled(rows: Rows, here: pa.Table, grid: Grid, sampling: Sampling) -> Samples:
    broken = pc.add(*(pc.list_value_length(here[name]) for name in (REASONS, REMARKS)))
    breaking = rows.frame.sparkSession.createDataFrame(here.filter(pc.greater(broken, 0)), rows.frame.schema)
    shown = sampling.at.alias("at"), sampling.shown.alias("shown")
    found: dict[tuple[Partition | None, str], list[Sample]] = {}
    for row in sorted(breaking.select(day_of(grid), REASONS, REMARKS, *shown).collect(), key=_by_place):
        for rule in (*row[REASONS], *row[REMARKS]):
            samples = found.setdefault((row["day"], rule), [])
            if len(samples) < audits.MOST_SAMPLES:
                samples.append(Sample(row["at"], row["shown"] or {}))
    return found


def _by_place(row: Row) -> tuple[bool, str]:
    return row["at"] is not None, row["at"] or ""


def _values(column: pa.ChunkedArray) -> Sequence[Partition | None] | None:
    try:
        return [*column.to_pylist()]
    except (OverflowError, ValueError):
        return None
