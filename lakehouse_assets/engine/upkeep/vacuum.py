"""Vacuum: deletes files that no version within the retention needs, and none that a rebuild may still read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from lakehouse_assets.engine.history import clock
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.meeting import at
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import delta, spark_writer
from lakehouse_assets.errors import LakehouseError, PlanError
from lakehouse_assets.settings import Settings

_CONF = {
    "spark.databricks.delta.retentionDurationCheck.enabled": "false",
    "spark.databricks.delta.vacuum.logging.enabled": "true",
}
"""The vacuum leaves its mark in the table's history: who reads an old version learns why files are missing."""
_NOTHING = timedelta(0)


def require_retention(lake: Lake, table: Table, tables: Sequence[Table], settings: Settings) -> None:
    """Allows a vacuum of the table with the retention of the settings.

    Raises:
        LakehouseError: it is shorter than the floor, or than what a table downstream may still read.
    """
    if settings.vacuum_retention_days < settings.vacuum_floor_days:
        raise LakehouseError(
            f"a retention of {settings.vacuum_retention_days:g} days is below the floor of "
            f"{settings.vacuum_floor_days:g}; nothing was deleted",
            where=table.key,
            do="Raise LAKEHOUSE_VACUUM_RETENTION_DAYS, or lower LAKEHOUSE_VACUUM_FLOOR_DAYS knowing that readers of "
            "older versions, and writes that take longer, then fail",
        )
    for reader in readers(table, tables):
        needed = still_needed(lake, table, reader)
        if needed > timedelta(days=settings.vacuum_retention_days):
            raise LakehouseError(
                f"{reader.key} lags: it may still read files that were replaced {_days(needed)} days ago; "
                "nothing was deleted",
                where=table.key,
                do=f"Let {reader.key} catch up, or raise LAKEHOUSE_VACUUM_RETENTION_DAYS",
            )


def readers(table: Table, tables: Sequence[Table]) -> tuple[Table, ...]:
    """The tables that are rebuilt from a version of this one."""
    return tuple(each for each in tables if table in each.read_as_of)


def still_needed(lake: Lake, table: Table, reader: Table) -> timedelta:
    """How long ago the first file was replaced that a rebuild of `reader` would read; zero when none was.

    By the store's clock alone: the commits' own times are those of whichever machine wrote them.
    """
    try:
        version = at(lake, reader, lake.ledger(reader.key).position).versions[table.key]
    except PlanError:
        return _NOTHING
    replaced = None
    for commit in lake.commits(table.key):
        if commit.version <= version:
            break
        replaced = commit.version
    if replaced is None:
        return _NOTHING
    age = clock.age(lake.settings, table.key, replaced)
    return timedelta.max if age is None else age


def require_clocks(target: delta.Target) -> None:
    """Makes sure that the clock by which Spark judges files to be old is right.

    Raises:
        LakehouseError: it is far from the store's.
    """
    clock.require_right(target.lake.settings, "Spark's", lambda: _spark_now(target))


def _spark_now(target: delta.Target) -> datetime:
    [row] = target.spark.sql("SELECT unix_millis(current_timestamp()) AS ms").collect()
    return datetime.fromtimestamp(row["ms"] / 1000, UTC)


def vacuum(target: delta.Target, retention_days: float, *, dry_run: bool = False) -> int:
    """Deletes unneeded files older than the retention; how many. A dry run deletes nothing and counts up to 1,000.

    Ask `require_retention` first: Delta's own check is switched off, because it knows only the default floor.
    """
    command = f"VACUUM {target.sql} RETAIN {retention_days * 24:f} HOURS"
    with spark_writer.configured(target.spark, _CONF):
        if dry_run:
            return len(target.spark.sql(f"{command} DRY RUN").collect())
        target.spark.sql(command).collect()
    return _deleted(target)


def _deleted(target: delta.Target) -> int:
    """What the newest vacuum in the table's history counted."""
    ended = target.spark.sql(f"DESCRIBE HISTORY {target.sql} LIMIT 10").where("operation = 'VACUUM END'")
    metrics = ended.orderBy("version", ascending=False).select("operationMetrics").first()
    return int(metrics[0]["numDeletedFiles"]) if metrics else 0


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.1f}"
