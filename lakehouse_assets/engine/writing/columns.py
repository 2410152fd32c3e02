"""A table's columns changed by hand: one dropped for good, or renamed with its values.

Other readers know no column mapping yet, so the table is rewritten, in one commit: under its turn, and under the
compare-and-set, so that a batch planned before is planned anew.
"""

from __future__ import annotations

from collections.abc import Callable

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructField, StructType

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Commit, Statement
from lakehouse_assets.engine.names import EVENTS_OWN
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import delta, turns
from lakehouse_assets.engine.writing.drift import can_widen
from lakehouse_assets.errors import LakehouseError, PlanError
from lakehouse_assets.settings import Settings

Change = Callable[[DataFrame], DataFrame]


def drop(spark: SparkSession, settings: Settings, table: Table, name: str, by: str) -> Commit:
    """Takes out a column that the model no longer has; earlier versions of the table keep its values until a vacuum.

    Raises:
        LakehouseError: the table has no such column, or still needs it.
        PlanError: another commit came in between. Nothing was changed.
    """
    _, held = _changeable(Lake(settings), table)
    _require_unneeded(table, held, name)
    return _rewritten(spark, settings, table, (name,), by, lambda rows: rows.drop(name))


def rename(spark: SparkSession, settings: Settings, table: Table, name: str, to: str, by: str) -> Commit:
    """Gives a column the name, and the type, that the model has now; a value of the new name wins over one of the old.

    Raises:
        LakehouseError: there is no such column, or the model knows no such name, or another type than a wider one.
        PlanError: another commit came in between. Nothing was changed.
    """
    declared, held = _changeable(Lake(settings), table)
    old, new = _require_unneeded(table, held, name), _declared(table, declared, to)
    if old.dataType != new.dataType and not can_widen(old.dataType, new.dataType):
        what = f"{name} is {old.dataType.simpleString()}, {to} is {new.dataType.simpleString()} in the model"
        raise LakehouseError(what, where=table.key, do="Declare it with the type that it has, or a wider one")
    carried = F.col(f"`{name}`").cast(new.dataType)
    value = F.coalesce(F.col(f"`{to}`"), carried) if to in held.names else carried
    return _rewritten(spark, settings, table, (name, to), by, lambda rows: rows.withColumn(to, value).drop(name))


def _changeable(lake: Lake, table: Table) -> tuple[StructType, StructType]:
    """The columns of the model, and those of the table."""
    if table.contract is None:
        raise LakehouseError(
            "bronze keeps records as they landed", where=table.key, do="Give a table of silver or gold"
        )
    held = lake.schema(table.key)
    if held is None:
        raise LakehouseError("there is no such table yet", where=table.key, do="Let it start first")
    return table.contract.fields, held


def _require_unneeded(table: Table, held: StructType, name: str) -> StructField:
    needed = {*table.columns.names, *EVENTS_OWN}
    free = sorted({*held.names} - needed)
    if name not in held.names:
        do = f"Give one of: {', '.join(free) or 'none, for its columns are those of its model'}"
        raise LakehouseError(f"it has no column {name}", where=table.key, do=do)
    if name in needed:
        do = "Take it out of the model first, and have it loaded"
        raise LakehouseError(f"its column {name} is in use", where=table.key, do=do)
    return held[name]


def _declared(table: Table, declared: StructType, name: str) -> StructField:
    if name not in declared.names:
        do = f"Declare it first, or give one of: {', '.join(declared.names)}"
        raise LakehouseError(f"its model has no column {name}", where=table.key, do=do)
    return declared[name]


def _rewritten(
    spark: SparkSession, settings: Settings, table: Table, names: tuple[str, ...], by: str, change: Change
) -> Commit:
    lake = Lake(settings)
    with turns.take(settings, table.key):
        ledger = lake.ledger(table.key)
        statement = Statement("widened", by, columns=names, planned_from=ledger.version)
        said = {"userMetadata": lake.said(table.key, statement), "overwriteSchema": "true"}
        guard = {"txnAppId": table.key, "txnVersion": str(max(ledger.transaction_version, ledger.stated_version) + 1)}
        rows = change(delta.read(spark, lake, table.key, version=ledger.version))
        writer = rows.write.format("delta").mode("overwrite").partitionBy(*table.grid.columns)
        writer.options(**said, **guard).save(lake.uri(table.key, "s3a"))
        return _own(lake, table, ledger.version, names)


def _own(lake: Lake, table: Table, before: int, names: tuple[str, ...]) -> Commit:
    """The commit just made; Delta skips it where a batch has taken its transaction number."""
    for commit in lake.commits(table.key):
        if commit.version <= before:
            break
        if commit.statement and commit.statement.kind == "widened" and commit.statement.columns == names:
            return commit
    raise PlanError("another commit came in between", where=table.key, do="Run the same command again")
