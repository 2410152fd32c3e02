"""The quarantine of a table: rows set aside with their coordinate and every rule they broke.

It is written before its table. Rows beyond the table's position are what a run left behind that died in between: they
are not shown, and the next batch takes their place. A rebuild or a replay adds rows to the quarantine before its table
and takes rows out of it afterwards, so that a coordinate may be in both for a moment and is never in neither. A run
that died in between left the quarantine *unsettled*: the table is right, and whoever writes next settles it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession, Window

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger, Statement
from lakehouse_assets.engine.history.position import Slice, predicate
from lakehouse_assets.engine.history.recovery import of_quarantine
from lakehouse_assets.engine.sources.drop_reading import FAULT
from lakehouse_assets.engine.tables import DropTable, EventTable, Table
from lakehouse_assets.engine.writing import delta, stating
from lakehouse_assets.engine.writing.deduplication import COORDINATE
from lakehouse_assets.engine.writing.reach import MOST_NAMED

UNSETTLED = "unsettled"
_COLUMNS = "topic_id, `partition`, `offset`"


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


def kept(rows: DataFrame, bad: DataFrame) -> DataFrame:
    """Quarantined `rows` with those now `bad`: one of each coordinate, the newer reasons, the older `set_aside_at`."""
    both = bad.withColumn("age", F.lit(0)).unionByName(rows.withColumn("age", F.lit(1)), allowMissingColumns=True)
    newest = Window.partitionBy(*COORDINATE).orderBy("age")
    since = F.min("set_aside_at").over(Window.partitionBy(*COORDINATE))
    ranked = both.withColumns({"set_aside_at": since, "rank": F.row_number().over(newest)})
    return ranked.where(F.col("rank") == 1).drop("rank", "age")


def open_statement(statement: Statement) -> Statement:
    """What a commit to the quarantine says whose table has yet to follow."""
    return replace(statement, counts={**statement.counts, UNSETTLED: 1})


def unsettled_days(lake: Lake, table: Table) -> tuple[date, ...]:
    """The days on which the quarantine may hold rows that its table holds as well."""
    for commit in lake.commits(table.quarantine):
        if commit.statement is not None:
            return commit.statement.days if commit.statement.counts.get(UNSETTLED) else ()
    return ()


def settle(spark: SparkSession, lake: Lake, table: Table, days: Sequence[date], run_id: str) -> None:
    """Takes out of the quarantine what its table holds on these days, as a row or among its losers.

    A file that was set aside whole leaves once the table holds a row of it.
    Delta commits nothing where there was nothing to take out; then a commit without rows says that it is settled.
    """
    target, where = delta.Target(spark, lake, table.quarantine), delta.in_days(days)
    rows = f"delta.`{lake.uri(table.key, 's3a')}`"
    held = f"SELECT {_COLUMNS} FROM {rows} WHERE {where}"
    if isinstance(table, EventTable):
        losers = f"SELECT explode(losers) AS l FROM {rows} WHERE {where}"
        held += f" UNION ALL SELECT l.topic_id, l.`partition`, l.`offset` FROM ({losers})"
    same = " AND ".join(f"q.`{name}` = h.`{name}`" for name in COORDINATE)
    if isinstance(table, DropTable):
        same = f"q.topic_id = h.topic_id AND (q.`offset` = h.`offset` OR q.reasons[0] LIKE '{FAULT}%')"
    settled = Statement("settled", run_id, tuple(days))
    delta.execute(
        spark,
        f"MERGE INTO {target.sql} q USING ({held}) h ON {delta.in_days(days, 'q')} AND {same} WHEN MATCHED THEN DELETE",
        settled,
    )
    if unsettled_days(lake, table):
        stating.state(target, settled, lake.version(table.quarantine), "settled")
