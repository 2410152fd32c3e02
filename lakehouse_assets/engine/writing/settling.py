"""Settling: whoever plans next decides what another writer left open between the quarantine and its table.

A quarantine is written ahead of its table, so at any moment one writer may have written there and not yet committed
(it works on, on another machine, or died). Its rows are nobody's to take out until its fate is known. Every write to
a quarantine therefore names the table's transaction that is to follow, and is a transaction of the quarantine itself:
two that were planned from one state of it never both write. Whoever finds a write whose table has not followed gives
it a moment, and then *fences*: a commit without rows takes the number, and what was planned with it is refused.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from pyspark.sql import SparkSession

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger, Statement
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import conflicts, delta, quarantine
from lakehouse_assets.engine.writing.quarantine import LastWrite
from lakehouse_assets.engine.writing.spark_writer import SparkWriter
from lakehouse_assets.errors import SupersededError

TRIES: Final = 5
FINISH_SECONDS = 2.0
"""How long another writer is left to commit what it has begun."""
_POLL_SECONDS = 0.1

Settled = tuple[Partition, ...] | None
"""Days to settle; None for all of them."""


def is_undecided(last: LastWrite, ledger: Ledger) -> bool:
    """Whether the table's commit that was to follow the write may still come."""
    ahead_of = last.said.transaction if last.said else None
    return ahead_of is not None and ledger.transaction_version < ahead_of


def open_days(last: LastWrite, ledger: Ledger) -> Settled:
    """Where the quarantine may hold rows that the table holds as well, now that the write's fate is known.

    A batch that lost to one which took in the same records judged them as well, perhaps otherwise and on other days.
    """
    said = last.said
    if said is None:
        return ()
    if said.counts.get(quarantine.UNSETTLED):
        return said.days
    has_lost = said.transaction is not None and last.transaction > ledger.quarantine_transaction
    is_overtaken = said.transaction is not None and ledger.position_transaction >= said.transaction
    return None if has_lost and is_overtaken else ()


def settle(spark: SparkSession, lake: Lake, table: Table, days: Settled, run_id: str, number: int) -> None:
    """Takes out of the quarantine what the table holds, unless somebody has written there since the last look."""
    settled = Statement("settled", run_id, tuple(days or ()))
    with suppress(SupersededError):
        quarantine.settle(spark, lake, table, days, settled, number)


def decide(spark: SparkSession, lake: Lake, table: Table, said: Statement, run_id: str) -> None:
    """Waits a moment for the writer of a quarantine, and then makes sure that its table does not follow any more.

    Raises:
        PySparkException: the store or Spark failed.
    """
    ahead_of = -1 if said.transaction is None else said.transaction
    if said.run_id == run_id or not _has_followed(lake, table, ahead_of):
        _fence(spark, lake, table, ahead_of, run_id)


def _has_followed(lake: Lake, table: Table, ahead_of: int) -> bool:
    deadline = time.monotonic() + FINISH_SECONDS
    while lake.newly(table.key).transaction_version(table.key, table.key) < ahead_of:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _fence(spark: SparkSession, lake: Lake, table: Table, ahead_of: int, run_id: str) -> None:
    """Loses to the writer's own commit where that comes first: then its fate is known as well."""
    target = delta.Target(spark, lake, table.key)
    target.create(table.published_schema(spark), by=table.grid.columns, append_only=table.append_only)
    ledger = lake.newly(table.key).ledger(table.key)
    number = max(ahead_of, ledger.transaction_version + 1, ledger.stated_version + 1)
    said = Statement("fence", run_id, planned_from=ledger.version, at=datetime.now(UTC).isoformat(), transaction=number)
    guard = delta.Transaction(table.key, number)
    with suppress(SupersededError):
        conflicts.past_compaction(
            lambda: SparkWriter(target).state(said, guard),
            lambda: lake.newly(table.key).transaction_version(table.key, table.key) < number,
            table.key,
        )
