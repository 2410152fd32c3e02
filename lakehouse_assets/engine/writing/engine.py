"""What a plan starts from: the engine of a run, the batch a sensor froze, and a table's ledger as it stands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger, Statement
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.sessions import SMALL_RECORDS, fit
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import conflicts, layout, quarantine, settling
from lakehouse_assets.engine.writing.audits import Audit
from lakehouse_assets.errors import LossError
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class Batch:
    """What a sensor froze: slices of one source, and when it looked."""

    slices: tuple[Slice, ...]
    planned_at: datetime


@dataclass(frozen=True)
class Handed:
    """The rows of a source table's batch as they were committed, for what is made from it next."""

    slices: tuple[Slice, ...]
    rows: DataFrame


LATER: Final = Batch((), datetime.min.replace(tzinfo=UTC))
"""For a table whose increment is told by the tables above it."""


@dataclass(frozen=True)
class Engine:
    """What every layer needs to plan: settings, the lake and a Spark session, and the run it works for."""

    settings: Settings
    lake: Lake
    spark: SparkSession
    run_id: str
    handed: dict[str, Handed] = field(default_factory=dict, init=False, repr=False, compare=False)
    """By source table, where the session has its newest batch: by value, or as computed before."""
    _fit: dict[str, bool] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Whether the session is set for small work; empty until it is set."""

    def fit(self, records: int) -> bool:
        """Has Spark set for work of this size; whether it is so small that the run itself holds the records."""
        small = records <= SMALL_RECORDS
        if self._fit.get("small") is not small:
            fit(self.spark, records)
            self._fit["small"] = small
        return records <= self.settings.few_records


def standing_ledger(lake: Lake, table: Table) -> Ledger:
    """The table's ledger.

    Raises:
        LossError: rows of the table went back by a RESTORE that nobody has accepted.
        ContractError: it is parted otherwise than its file says.
    """
    layout.check(lake, table)
    ledger = ledger_of(lake, table)
    if ledger.restored_version is not None:
        raise LossError(
            f"version {ledger.restored_version} is a RESTORE: rows went back, what Delta knows of past batches did not",
            where=table.key,
            do=f"Run `lakehouse accept {table.key}` to take the lost records in again from the table's position",
        )
    return ledger


def settled_ledger(engine: Engine, table: Table) -> Ledger:
    """The table's ledger, once the fate of all that was written to its quarantine is known, and settled.

    Raises:
        LossError: rows of the table went back by a RESTORE that nobody has accepted.
        SupersededError: others wrote to the quarantine every time.
    """
    for _ in range(settling.TRIES):
        last, ledger = quarantine.last_write(engine.lake, table), standing_ledger(engine.lake, table)
        if last.said and settling.is_undecided(last, ledger):
            settling.decide(engine.spark, engine.lake, table, last.said, engine.run_id)
        elif (days := settling.open_days(last, ledger)) != ():
            settling.settle(engine.spark, engine.lake, table, days, engine.run_id, last.transaction + 1)
        else:
            return replace(ledger, quarantine_transaction=last.transaction)
        engine.lake.forward(table.key, table.quarantine)
    raise conflicts.superseded(table.key)


def increment_statement(engine: Engine, table: Table, position: Position, counted: Audit) -> Statement:
    """What an increment says that takes a table to a position."""
    counts = {"good": counted.good_rows, "quarantined": counted.bad_rows}
    days = tuple(counted.good)
    return Statement(
        "increment", engine.run_id, days, counts, table.contract_version, position, code=table.code_version
    )
