"""The quarantine of a table: rows set aside with their coordinate and every rule they broke.

Here they are placed, kept and settled. Their reasons are made in `verdicts.set_aside`, of records on which code fails
in `failing`, and of records that cannot land in `judging.date_records`.

It is written before its table. Rows beyond the table's position are what a run left behind that died in between: they
are not shown, and the next batch takes their place. A rebuild or a replay adds rows to the quarantine before its table
and takes rows out of it afterwards, so that a coordinate may be in both for a moment and is never in neither. A run
that died in between left the quarantine *unsettled*: the table is right, and whoever writes next settles it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import pyspark.sql.functions as F
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession, Window

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger, Statement
from lakehouse_assets.engine.history.position import Slice, predicate
from lakehouse_assets.engine.history.recovery import of_quarantine
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import conflicts, delta, protocol, spark_writer
from lakehouse_assets.engine.writing.arrow_writer import ArrowWriter
from lakehouse_assets.engine.writing.reach import MOST_NAMED
from lakehouse_assets.engine.writing.rows import collected
from lakehouse_assets.engine.writing.spark_writer import SparkWriter
from lakehouse_assets.engine.writing.writers import sayer_of

UNSETTLED = "unsettled"


def left_behind(lake: Lake, quarantine: str, table: Ledger) -> tuple[Slice, ...]:
    """Coordinates that a dead run wrote to the quarantine beyond its table's position."""
    return of_quarantine(lake, quarantine).position.since(table.position)


def replaced(slices: Sequence[Slice], leftovers: Sequence[Slice]) -> str:
    """Which quarantined rows a batch takes the place of: its own slices and all that was left behind."""
    return predicate((*slices, *leftovers))


def shown(spark: SparkSession, lake: Lake, table: str, quarantine: str) -> DataFrame:
    """The quarantined rows up to the table's position."""
    return delta.read(spark, lake, quarantine).where(shown_where(lake, table, quarantine))


def shown_where(lake: Lake, table: str, quarantine: str) -> str:
    """Which quarantined rows lie up to the table's position; of a long one, which do not lie beyond it."""
    ledger = lake.ledger(table)
    if len(ledger.position) <= MOST_NAMED:
        return predicate(ledger.position.slices())
    return f"NOT {predicate(left_behind(lake, quarantine, ledger))}"


def kept(table: Table, rows: DataFrame, bad: DataFrame) -> DataFrame:
    """Quarantined `rows` with those now `bad`: one of each coordinate, the newer reasons, the older `set_aside_at`."""
    both = bad.withColumn("age", F.lit(0)).unionByName(rows.withColumn("age", F.lit(1)), allowMissingColumns=True)
    newest = Window.partitionBy(*table.coordinate).orderBy("age")
    since = F.min("set_aside_at").over(Window.partitionBy(*table.coordinate))
    ranked = both.withColumns({"set_aside_at": since, "rank": F.row_number().over(newest)})
    return ranked.where(F.col("rank") == 1).drop("rank", "age")


def open_statement(statement: Statement) -> Statement:
    """What a commit to the quarantine says whose table has yet to follow."""
    return replace(statement, counts={**statement.counts, UNSETTLED: 1})


@dataclass(frozen=True)
class LastWrite:
    """What was written last to a quarantine."""

    transaction: int
    """The quarantine's own number of it; whoever writes next takes the one after it, or has lost a race."""
    said: Statement | None = None


def last_write(lake: Lake, table: Table) -> LastWrite:
    """The newest transaction of the quarantine and what it said, maintenance apart.

    The number is read first: where somebody writes in between, it is too old, and who goes by it is refused.
    """
    number = lake.transaction_version(table.quarantine, table.quarantine)
    said = (commit.statement for commit in lake.commits(table.quarantine) if commit.statement is not None)
    return LastWrite(number, next(said, None))


def unsettled_days(lake: Lake, table: Table) -> tuple[Partition, ...]:
    """The days on which the quarantine may hold rows that its table holds as well."""
    said = last_write(lake, table).said
    return said.days if said and said.counts.get(UNSETTLED) else ()


def settle(
    spark: SparkSession, lake: Lake, table: Table, days: Sequence[Partition] | None, settled: Statement, number: int
) -> None:
    """Takes out of the quarantine what its table holds on these days, as a row or among its losers; None for all days.

    It is the quarantine's transaction `number`, or nothing happens: nobody may have written there since the one before
    it. A file that was set aside whole leaves once the table holds a row of it.

    Raises:
        SupersededError: somebody did.
    """
    target, transaction = delta.Target(spark, lake, table.quarantine), delta.Transaction(table.quarantine, number)
    conflicts.past_compaction(
        lambda: spark_writer.execute(spark, _settling(lake, table, target, days), settled, transaction),
        lambda: _is_free(lake, transaction),
        table.key,
    )
    if _is_free(lake, transaction):
        say(target, settled, transaction)


def say(target: delta.Target, said: Statement, transaction: delta.Transaction) -> None:
    """A commit to the quarantine without rows, as this transaction of it.

    Raises:
        SupersededError: somebody else took the number.
    """
    conflicts.past_compaction(
        lambda: sayer_of(target, _stands, near=target.lake.settings.near_rows > 0).state(said, transaction),
        lambda: _is_free(target.lake, transaction),
        target.key,
    )


def write(
    target: delta.Target,
    rows: DataFrame | None,
    few: bool,
    where: str,
    said: Statement,
    transaction: delta.Transaction,
) -> None:
    """Puts rows in the place of those that meet `where`, or only says something, as this transaction of the quarantine.

    Those that are `few` are written by this process, where the table has all of their columns.

    Raises:
        SupersededError: somebody wrote there since the transaction before it.
    """
    if rows is None:
        say(target, said, transaction)
    else:
        conflicts.past_compaction(
            lambda: _replace(target, rows, few, where, said, transaction),
            lambda: _is_free(target.lake, transaction),
            target.key,
        )
    since = -1 if said.planned_from is None else said.planned_from
    newer = takewhile(lambda each: each.version > since, target.lake.newly(target.key).history(target.key))
    if not any(each.statement == said for each in newer):
        raise conflicts.superseded(target.key)


def _replace(
    target: delta.Target, rows: DataFrame, few: bool, where: str, said: Statement, transaction: delta.Transaction
) -> None:
    table = target.open()
    is_near = few and protocol.takes(table) and {*rows.columns} <= {each.name for each in table.schema().fields}
    here = collected(rows) if is_near else None
    if here is not None:
        ArrowWriter(target, _stands, here).replace(rows, where, said, transaction)
    else:
        SparkWriter(target).replace(rows, where, said, transaction, new_columns=True)


def _stands(_table: DeltaTable) -> None:
    """Whoever writes to a quarantine takes a number of it: that two plans contend shows there."""


def _is_free(lake: Lake, transaction: delta.Transaction) -> bool:
    key = transaction.app_id
    return lake.newly(key).transaction_version(key, key) < transaction.version


def _settling(lake: Lake, table: Table, target: delta.Target, days: Sequence[Partition] | None) -> str:
    where = "TRUE" if days is None else table.grid.where(days)
    held = table.coordinates(f"delta.`{lake.uri(table.key, 's3a')}`", where)
    pruned = "TRUE" if days is None else table.grid.where(days, "q")
    on = f"{pruned} AND {table.same_record}"
    return f"MERGE INTO {target.sql} q USING ({held}) h ON {on} WHEN MATCHED THEN DELETE"
