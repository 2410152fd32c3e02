"""Increments: what a batch of new source records means for each layer. Each function plans one publication."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession, Window

from lakehouse_assets.engine import names
from lakehouse_assets.engine.history.changes import days_beyond, days_since
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger, Statement
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.names import own
from lakehouse_assets.engine.sessions import fit
from lakehouse_assets.engine.sources.planning import Acceptance
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets.engine.sources.source import source_of
from lakehouse_assets.engine.tables import DailyTable, EventTable, SourceTable, Table
from lakehouse_assets.engine.writing import delta, drift, judging, quarantine, settling, spanning
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS, Audit, together
from lakehouse_assets.engine.writing.deduplication import COORDINATE
from lakehouse_assets.engine.writing.drift import Columns
from lakehouse_assets.engine.writing.judging import Judged
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.verdicts import (
    refuse_broken,
    set_aside,
    winners,
)
from lakehouse_assets.errors import LossError, PlanError
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class Batch:
    """What a sensor froze: slices of one source, and when it looked."""

    slices: tuple[Slice, ...]
    planned_at: datetime


@dataclass(frozen=True)
class Engine:
    """What every layer needs to plan: settings, the lake and a Spark session, and the run it works for."""

    settings: Settings
    lake: Lake
    spark: SparkSession
    run_id: str


def standing_ledger(lake: Lake, table: Table) -> Ledger:
    """The table's ledger.

    Raises:
        LossError: rows of the table went back by a RESTORE that nobody has accepted.
    """
    ledger = ledger_of(lake, table)
    if ledger.restored_version is not None:
        raise LossError(
            f"version {ledger.restored_version} is a RESTORE: rows went back, what Delta knows of past batches did not",
            where=table.key,
            do=f"Run `lakehouse accept {table.key}` to take the lost records in again from the table's position",
        )
    return ledger


def settled_ledger(engine: Engine, table: SourceTable | EventTable) -> Ledger:
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
    raise delta.superseded(table.key)


def land(engine: Engine, table: SourceTable, batch: Batch) -> Publication | None:
    """Bronze: the frozen slices as landed; faulty files and records outside of the calendar go to quarantine whole."""
    if not batch.slices:
        standing_ledger(engine.lake, table)
        return None
    ledger = settled_ledger(engine, table)
    _check_start(table, ledger, batch.slices)
    source = source_of(engine.settings, table)
    fit(engine.spark, source.records(batch.slices))
    found = judging.landed(engine, table, source, batch.slices, batch.planned_at)
    source.check(batch.slices)
    leftovers = quarantine.left_behind(engine.lake, table.quarantine, ledger)
    return Publication(
        table=table,
        mode="append",
        rows=found.rows.where(F.size(REASONS) == 0).select(*RECORD.names, "event_date"),
        statement=_increment(engine, table, source.marked(ledger.position.advance(found.slices)), found.audit),
        before=ledger,
        audit=found.audit,
        slices=found.slices,
        quarantined=_faulty(found) if found.audit.bad_rows or leftovers else None,
        quarantine_where=quarantine.replaced(batch.slices, leftovers),
    )


def _faulty(found: Judged) -> DataFrame:
    faulty = found.rows.where(F.size(REASONS) > 0).drop(REMARKS).withColumn("set_aside_at", F.current_timestamp())
    return with_failing(faulty, found)


def with_failing(aside: DataFrame, found: Judged) -> DataFrame:
    """Rows set aside, and with them the records that make code fail."""
    return aside if found.failing is None else aside.unionByName(found.failing, allowMissingColumns=True)


def _check_start(table: SourceTable, ledger: Ledger, slices: tuple[Slice, ...]) -> None:
    """Refuses a plan that starts elsewhere than the table ends, save where an acceptance lets it go on."""
    resume: dict[tuple[str, int], int] = {}
    for acceptance in ledger.acceptances:
        resume |= _resume(acceptance)
    for part in slices:
        known = ledger.position.next_offset(part.topic_id, part.partition)
        starts = {
            known,
            resume.get((part.topic_id, part.partition)),
            None if known is not None else part.start,
        }
        if part.start not in starts:
            raise PlanError(
                f"the plan starts at partition {part.partition} offset {part.start}, the table ends at {known}",
                where=table.key,
                do="Nothing was written; the sensor plans anew from the table's ledger",
            )


def _resume(acceptance: Acceptance) -> dict[tuple[str, int], int]:
    return {(acceptance.topic_id, partition): offset for partition, offset in acceptance.resume.items()}


def refine(engine: Engine, table: EventTable) -> Publication | None:
    """Silver: the bronze rows beyond the table's position, at most one batch of them."""
    ledger = settled_ledger(engine, table)
    beyond = ledger_of(engine.lake, table.source).position.since(ledger.position)
    source = source_of(engine.settings, table.source)
    slices = source.cap(beyond)
    if not slices:
        return None
    position = ledger.position.advance(slices)
    fit(engine.spark, source.records(slices))
    touched = days_beyond(engine.lake.commits(table.source.key), ledger.position)
    records = delta.read(engine.spark, engine.lake, table.source.key, slices=slices, days=touched)
    found = judging.typed(engine, table, records, slices, ledger.accepted_rules)
    counted = found.audit
    rows = winners(table, found.rows, position, columns(engine, table, ledger))
    if table.contract.spanning:
        rows = rows.localCheckpoint(eager=False)
        counted = together([counted, over_table(engine, table, rows, position, counted.good)])
    refuse_broken(table, counted, ledger.accepted_rules)
    change = drift.change(engine.lake, table, rows.schema, ledger.accepted_rules)
    fit(engine.spark, source.records(slices) + engine.lake.rows_in(table.key, counted.good))
    leftovers = quarantine.left_behind(engine.lake, table.quarantine, ledger)
    return Publication(
        table=table,
        mode="merge",
        rows=rows,
        statement=replace(_increment(engine, table, position, counted), columns=change.columns),
        before=ledger,
        change=change,
        audit=counted,
        slices=slices,
        quarantined=with_failing(set_aside(table, found.rows), found) if counted.bad_rows or leftovers else None,
        quarantine_where=quarantine.replaced(slices, leftovers),
    )


def columns(engine: Engine, table: EventTable, ledger: Ledger) -> Columns:
    """The columns beyond the model that the batch's rows need."""
    return drift.columns_of(engine.lake, table, ledger.accepted_rules)


def over_table(engine: Engine, table: EventTable, rows: DataFrame, position: Position, days: Collection[date]) -> Audit:
    """The verdict of the rules over several rows, on the days as they will be."""
    if spanning.looks_at_table(table.contract.spanning) and engine.lake.version(table.key) >= 0:
        wanted = [*table.contract.fields.names, "event_date", *COORDINATE]
        held = delta.read(engine.spark, engine.lake, table.key, days=days)
        known = [name for name in held.columns if name in wanted]
        both = rows.select(*wanted).unionByName(held.select(*known), allowMissingColumns=True)
        first = Window.partitionBy(*table.full_grain).orderBy(*table.precedence(position).ordering())
        rows = both.withColumn(own("rank"), F.row_number().over(first)).where(names.column(own("rank")) == 1)
    return spanning.audit(engine.spark, engine.lake, table.contract, rows, days)


def recompute(engine: Engine, table: DailyTable) -> Publication | None:
    """Gold: the days that changed in its source since the table's position."""
    ledger = standing_ledger(engine.lake, table)
    source = ledger_of(engine.lake, table.source)
    if source.position.since(ledger.position):
        days = changed_days(engine.lake, table, ledger)
    elif not (days := redone_days(engine.lake, table, ledger)):
        return None
    fit(engine.spark, engine.lake.rows_in(table.source.key, days))
    rows, counted = answers(engine, table, days, source.version)
    refuse_broken(table, counted, ledger.accepted_rules)
    change = drift.change(engine.lake, table, table.contract.fields, ledger.accepted_rules)
    return Publication(
        table=table,
        mode="replace",
        rows=rows,
        statement=Statement(
            "increment",
            engine.run_id,
            days,
            {},
            table.contract.version,
            source.position,
            code=table.code_version,
            source_version=source.version,
            columns=change.columns,
        ),
        before=ledger,
        change=change,
        audit=counted,
    )


def redone_days(lake: Lake, table: DailyTable, ledger: Ledger) -> tuple[date, ...]:
    """The days that a rebuild or a replay of the source changed since the table read them, at the table's position.

    All of them where something was said since and the source's history no longer tells on which.
    """
    named = days_since(lake.commits(table.source.key), lake.commits(table.key), ledger.position)
    if named is None and is_told_more(ledger_of(lake, table.source), ledger):
        return _every_day(lake, table)
    return named or ()


def is_told_more(source: Ledger, ledger: Ledger) -> bool:
    """Whether a source says, or may have said, more than its position since a table read it."""
    return not source.complete or source.stated_version > max(source.position_version, ledger.source_version)


def changed_days(lake: Lake, table: DailyTable, ledger: Ledger) -> tuple[date, ...]:
    """The days of the source that the table does not show as they are now; all of them where the history ends."""
    named = days_since(lake.commits(table.source.key), lake.commits(table.key), ledger.position)
    return _every_day(lake, table) if named is None else named


def _every_day(lake: Lake, table: DailyTable) -> tuple[date, ...]:
    return tuple(sorted(lake.days(table.source.key) | lake.days(table.key)))


def answers(engine: Engine, table: DailyTable, days: tuple[date, ...], version: int) -> tuple[DataFrame, Audit]:
    """The table's rows for these days, from its source as of a version, with `remarks`; and their audit."""
    source = delta.read(engine.spark, engine.lake, table.source.key, days=days, version=version)
    checked, counted = judging.answered(engine, table, source, days)
    over_all = spanning.audit(engine.spark, engine.lake, table.contract, checked, days)
    return checked.drop(REASONS, REMARKS), together([counted, over_all])


def _increment(engine: Engine, table: Table, position: Position, counted: Audit) -> Statement:
    counts = {"good": counted.good_rows, "quarantined": counted.bad_rows}
    contract = table.contract.version if isinstance(table, EventTable) else ""
    days = tuple(counted.good)
    return Statement("increment", engine.run_id, days, counts, contract, position, code=table.code_version)
