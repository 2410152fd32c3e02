"""Completeness: a transform gives each record, or each line of it, one row, good or bad; none vanishes or doubles."""

from __future__ import annotations

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.deduplication import COORDINATE
from lakehouse_assets.engine.writing.rows import Rows, collected
from lakehouse_assets.errors import ContractError

_RECORD, _ROW = 0, 1


def check(table: Table, records: DataFrame, made: Rows) -> None:
    """Compares the coordinates that went into a transform with those that came out, by count and digest.

    Raises:
        ContractError: there are records without a row, or with several; says how many.
    """
    rows = made.frame
    came = None if made.here is None else collected(records)
    if came is not None and made.here is not None and _same(came, made.here.select(table.coordinate)):
        return
    both = _side(table, records, _RECORD).unionAll(_side(table, rows, _ROW))
    found = {row["side"]: row for row in both.groupBy("side").agg(*_digest()).collect()}
    before, after = (found.get(side) for side in (_RECORD, _ROW))
    if (before and (before["rows"], before["digest"])) != (after and (after["rows"], after["digest"])):
        raise _refused(table, records, rows)


def _same(came: pa.Table, went: pa.Table) -> bool:
    order = [(name, "ascending") for name in came.column_names]
    return came.num_rows == went.num_rows and came.sort_by(order).equals(went.cast(came.schema).sort_by(order))


def _digest() -> tuple[Column, Column]:
    return F.count("*").alias("rows"), F.sum(F.col("hash").cast("decimal(38,0)")).alias("digest")


def _side(table: Table, frame: DataFrame, side: int) -> DataFrame:
    return frame.select(F.lit(side).alias("side"), F.xxhash64(*table.coordinate).alias("hash"))


def _refused(table: Table, records: DataFrame, rows: DataFrame) -> ContractError:
    out = rows.groupBy(*table.coordinate).count()
    lost = records.join(out, on=[*table.coordinate], how="left_anti").count()
    many, made = records.count(), rows.count()
    several = out.where(F.col("count") > 1).count()
    return ContractError(
        f"the transform makes {made} rows of {many} {_unit(table)}s: {lost} have none, {several} have more than one",
        where=table.key,
        do=f"Give each {_unit(table)} one row: what is to be left out breaks a rule; an array of which each element"
        ' is to be a row is named in `explode="..."`',
    )


def _unit(table: Table) -> str:
    return "record" if table.coordinate == COORDINATE else "line"
