"""Records that make a table's code fail: set aside with the error as their reason, and left out by the same code."""

from __future__ import annotations

from collections.abc import Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from lakehouse_assets.engine.grids import Grid
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.position import Slice, predicate
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.audits import REASONS, Audit, gather
from lakehouse_assets.engine.writing.deduplication import COORDINATE
from lakehouse_assets.engine.writing.narrowing import Failing

FAILED_CODE = "failed_code"
"""string: the version of the code that the record made fail; null where it broke a rule."""
ANY_CODE = "any"
"""Instead of a version: Spark itself cannot read the record."""
FAILS = "record: the table's code fails on it"


def reason(failing: Failing) -> str:
    """`record: the table's code fails on it (CAST_INVALID_INPUT)`."""
    return f"{FAILS} ({failing.error})"


def events(table: Table, bronze: DataFrame, failing: Sequence[Failing]) -> DataFrame:
    """The quarantine's rows of failing records, from bronze: one of each, as its first line."""
    return bronze.where(predicate([each.part for each in failing])).select(
        *COORDINATE,
        *(F.lit(0).alias(name) for name in table.coordinate if name not in COORDINATE),
        *table.grid.columns,
        _reasons(failing).alias(REASONS),
        F.lit(table.contract_version).alias("contract_version"),
        F.lit(None).cast("map<string,string>").alias("fields"),
        F.current_timestamp().alias("set_aside_at"),
        F.lit(table.code_version).alias(FAILED_CODE),
    )


def records(table: Table, read: DataFrame, failing: Sequence[Failing]) -> DataFrame:
    """The quarantine's rows of failing records of a source, whole and without a day."""
    known = F.col(REASONS) if REASONS in read.columns else F.array().cast("array<string>")
    return read.withColumns(
        {
            **{each.name: F.lit(None).cast(each.dataType) for each in table.grid.fields},
            REASONS: F.concat(known, _reasons(failing)),
            "set_aside_at": F.current_timestamp(),
            FAILED_CODE: F.lit(table.code_version),
        }
    )


def _reasons(failing: Sequence[Failing]) -> Column:
    """array<string> by coordinate."""
    cases = [F.when(F.expr(predicate([each.part])), F.lit(reason(each))) for each in failing]
    return F.array(F.coalesce(*cases))


def audited(rows: DataFrame | None, grid: Grid) -> Audit:
    """The audit of failing records, by their days; one small query, and none where nothing fails."""
    if rows is None:
        return Audit()
    found = rows.select(grid.shown().alias("day"), F.explode(REASONS).alias("reason")).collect()
    return gather((row["day"], [row["reason"]], (), 1) for row in found)


def known(lake: Lake, table: Table) -> tuple[Slice, ...]:
    """Coordinates that the quarantine holds because this very code fails on them."""
    held = lake.schema(table.quarantine)
    if held is None or FAILED_CODE not in held.names:
        return ()
    codes = f"('{table.code_version}', '{ANY_CODE}')"
    query = f'SELECT topic_id, "partition", "offset" FROM t WHERE {FAILED_CODE} IN {codes}'
    rows = lake.query(table.quarantine, query)
    return tuple(Slice(row["topic_id"], row["partition"], row["offset"], row["offset"] + 1) for row in rows)
