"""Increments: what a batch of new source records means for each layer. Each function plans one publication."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession, Window

from lakehouse_assets.engine import calendar
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger, Statement, days_since
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.payload import UNREADABLE
from lakehouse_assets.engine.sources.planning import Acceptance
from lakehouse_assets.engine.sources.source import source_of
from lakehouse_assets.engine.spark import fit
from lakehouse_assets.engine.tables import DailyTable, EventTable, SourceTable, Table
from lakehouse_assets.engine.writing import delta, quarantine
from lakehouse_assets.engine.writing.audits import REASONS, Audit, audit
from lakehouse_assets.engine.writing.deduplication import COORDINATE, deduplicate, with_content_hash
from lakehouse_assets.engine.writing.publication import Publication, RefusedError
from lakehouse_assets.errors import ContractError, LossError, PlanError
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


def land(engine: Engine, table: SourceTable, batch: Batch) -> Publication | None:
    """Bronze: the frozen slices as landed; faulty files and records outside of the calendar go to quarantine whole."""
    ledger = standing_ledger(engine.lake, table)
    if not batch.slices:
        return None
    _check_start(table, ledger, batch.slices)
    source = source_of(engine.settings, table)
    fit(engine.spark, source.records(batch.slices))
    records = source.read(engine.spark, batch.slices)
    dated = date_records(engine.settings, table, records, batch.planned_at, source.faults()).localCheckpoint(
        eager=False
    )
    counted = audit(dated)
    source.check(batch.slices)
    leftovers = quarantine.left_behind(engine.lake, table.quarantine, ledger)
    return Publication(
        table=table,
        mode="append",
        rows=dated.where(F.size(REASONS) == 0).drop(REASONS),
        statement=_increment(engine, table, ledger.position.advance(batch.slices), counted),
        before=ledger,
        audit=counted,
        slices=batch.slices,
        quarantined=dated.where(F.size(REASONS) > 0) if counted.bad_rows or leftovers else None,
        quarantine_where=quarantine.replaced(batch.slices, leftovers),
    )


def date_records(
    settings: Settings, table: SourceTable, records: DataFrame, now: datetime, faults: Column | None
) -> DataFrame:
    """Records with `event_date` (UTC date of the event's own time, else of the record's) and `reasons` (array<string>).

    The reasons are the source's own `faults`, where it finds any, and the calendar's.
    """
    event_date = F.to_date(F.coalesce(table.event_time(), F.col("timestamp")))
    outside = calendar.outside(settings, now)
    reasons = outside if faults is None else F.concat(faults, outside)
    return records.withColumn("event_date", event_date).withColumn(REASONS, reasons)


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
    ledger = standing_ledger(engine.lake, table)
    beyond = ledger_of(engine.lake, table.source).position.since(ledger.position)
    source = source_of(engine.settings, table.source)
    slices = source.cap(beyond)
    if not slices:
        return None
    position = ledger.position.advance(slices)
    fit(engine.spark, source.records(slices))
    typed = typed_rows(table, delta.read(engine.spark, engine.lake, table.source.key, slices=slices)).localCheckpoint(
        eager=False
    )
    counted = audit(typed)
    fit(engine.spark, source.records(slices) + engine.lake.rows_in(table.key, counted.good))
    leftovers = quarantine.left_behind(engine.lake, table.quarantine, ledger)
    return Publication(
        table=table,
        mode="merge",
        rows=winners(table, typed, position),
        statement=_increment(engine, table, position, counted),
        before=ledger,
        audit=counted,
        slices=slices,
        quarantined=set_aside(table, typed) if counted.bad_rows or leftovers else None,
        quarantine_where=quarantine.replaced(slices, leftovers),
    )


def typed_rows(table: EventTable, records: DataFrame) -> DataFrame:
    """The table's columns, the coordinate, event_date, and `reasons`: fields not readable, or else rules broken.

    Raises:
        ContractError: the transform leaves out a column of the contract.
    """
    rows = table.transform(records)
    wanted = [*table.contract.fields.names, "event_date", *COORDINATE]
    missing = [name for name in wanted if name not in rows.columns]
    if missing:
        raise ContractError(
            f"the transform yields no column {', '.join(missing)}",
            where=table.key,
            do=f"Add it to the transform's select; it yields {', '.join(rows.columns)}",
        )
    unreadable = F.col(UNREADABLE) if UNREADABLE in rows.columns else F.array().cast("array<string>")
    broken = table.contract.broken()
    reasons = F.when(F.size(unreadable) > 0, unreadable).otherwise(broken).alias(REASONS)
    return rows.select(*wanted, reasons)


def winners(table: EventTable, typed: DataFrame, position: Position) -> DataFrame:
    """The good rows, one per grain."""
    good = typed.where(F.size(REASONS) == 0).drop(REASONS)
    hashed = with_content_hash(good, table.contract.fields.names)
    return deduplicate(hashed, table.full_grain, table.precedence(position))


def set_aside(table: EventTable, typed: DataFrame) -> DataFrame:
    """The bad rows: coordinate, event_date, reasons, contract_version. The raw record stays in bronze."""
    version = F.lit(table.contract.version).alias("contract_version")
    return typed.where(F.size(REASONS) > 0).select(*COORDINATE, "event_date", REASONS, version)


def recompute(engine: Engine, table: DailyTable) -> Publication | None:
    """Gold: the days that changed in its source since the table's position."""
    ledger = standing_ledger(engine.lake, table)
    source = ledger_of(engine.lake, table.source)
    if not source.position.since(ledger.position):
        return None
    days = changed_days(engine.lake, table, ledger)
    fit(engine.spark, engine.lake.rows_in(table.source.key, days))
    rows, counted = answers(engine, table, days, source.version)
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
        ),
        before=ledger,
        audit=counted,
    )


def changed_days(lake: Lake, table: DailyTable, ledger: Ledger) -> tuple[date, ...]:
    """The days of the source that the table does not show as they are now; all of them where the history ends."""
    named = days_since(lake.commits(table.source.key), lake.commits(table.key), ledger.position)
    if named is None:
        return tuple(sorted(lake.days(table.source.key) | lake.days(table.key)))
    return named


def answers(engine: Engine, table: DailyTable, days: tuple[date, ...], version: int) -> tuple[DataFrame, Audit]:
    """The table's rows for these days, from its source as of a version, and their audit.

    Raises:
        RefusedError: an answer breaks a rule of the table's contract; nothing is published.
    """
    source = delta.read(engine.spark, engine.lake, table.source.key, days=days, version=version)
    checked = judged(table, source).localCheckpoint(eager=False)
    counted = audit(checked)
    refuse_broken(table, counted)
    return checked.drop(REASONS), counted


def judged(table: DailyTable, source: DataFrame) -> DataFrame:
    """The table's answers from rows of its source, each with `reasons`: broken rules, a grain with several rows."""
    rows = table.transform(source).select(*table.contract.fields.names, table.contract.broken().alias(REASONS))
    rows_of_grain = F.count("*").over(Window.partitionBy(*table.full_grain))
    repeated = F.array_remove(F.array(F.when(rows_of_grain > 1, table.grain_rule).otherwise("")), "")
    return rows.withColumn(REASONS, F.concat(REASONS, repeated))


def refuse_broken(table: DailyTable, counted: Audit) -> None:
    """Lets good answers pass.

    Raises:
        RefusedError: an answer breaks a rule of the table's contract, or its grain; nothing is published.
    """
    if counted.bad_rows:
        raise RefusedError(
            _refusal(counted), where=table.key, do="Correct the transform or the contract", audit=counted
        )


def _refusal(counted: Audit) -> str:
    day, rules = next(iter(counted.broken.items()))
    return f"the answer for {day} breaks {next(iter(rules))!r}; nothing was published"


def _increment(engine: Engine, table: Table, position: Position, counted: Audit) -> Statement:
    counts = {"good": counted.good_rows, "quarantined": counted.bad_rows}
    contract = table.contract.version if isinstance(table, EventTable) else ""
    days = tuple(counted.good)
    return Statement("increment", engine.run_id, days, counts, contract, position, code=table.code_version)
