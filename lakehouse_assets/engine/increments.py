"""Increments: what a batch of new source records means for each layer. Each function plans one publication."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, Row, SparkSession

from lakehouse_assets.engine import calendar, delta, kafka, quarantine
from lakehouse_assets.engine.deduplication import COORDINATE, deduplicate, with_content_hash
from lakehouse_assets.engine.lake import Lake
from lakehouse_assets.engine.ledger import Ledger, Statement, days_since
from lakehouse_assets.engine.payload import UNREADABLE
from lakehouse_assets.engine.planning import Acceptance
from lakehouse_assets.engine.position import Position, Slice, cap
from lakehouse_assets.engine.publication import Publication
from lakehouse_assets.engine.quarantine import REASONS
from lakehouse_assets.engine.recovery import ledger_of
from lakehouse_assets.engine.spark import fit
from lakehouse_assets.engine.tables import DailyTable, EventTable, KafkaTable, Table
from lakehouse_assets.errors import ContractError, LossError, PlanError
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class Batch:
    """What a sensor froze: offset slices of one topic, and when it looked."""

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


def land(engine: Engine, table: KafkaTable, batch: Batch) -> Publication | None:
    """Bronze: the frozen slices as landed; records dated outside of the calendar go to its quarantine whole."""
    ledger = standing_ledger(engine.lake, table)
    if not batch.slices:
        return None
    _check_start(table, ledger, batch.slices)
    fit(engine.spark, sum(map(len, batch.slices)))
    records = kafka.read(engine.spark, engine.settings, table.topic, batch.slices)
    dated = date_records(engine.settings, table, records, batch.planned_at).localCheckpoint(eager=False)
    good, bad = _counts(dated)
    kafka.check_topic_id(engine.settings, table.topic, batch.slices)
    leftovers = quarantine.left_behind(engine.lake, table.quarantine, ledger)
    return Publication(
        table=table,
        mode="append",
        rows=dated.where(F.size(REASONS) == 0).drop(REASONS),
        statement=_increment(engine, ledger.position.advance(batch.slices), good, bad, contract=""),
        before=ledger,
        rows_by_day=good,
        slices=batch.slices,
        quarantined=dated.where(F.size(REASONS) > 0) if bad or leftovers else None,
        quarantine_where=quarantine.replaced(batch.slices, leftovers),
    )


def date_records(settings: Settings, table: KafkaTable, records: DataFrame, now: datetime) -> DataFrame:
    """Records with `event_date` (UTC date of the event's own time, else of Kafka's) and `reasons` (array<string>)."""
    event_date = F.to_date(F.coalesce(table.event_time(), F.col("timestamp")))
    return records.withColumn("event_date", event_date).withColumn(REASONS, calendar.outside(settings, now))


def _check_start(table: KafkaTable, ledger: Ledger, slices: tuple[Slice, ...]) -> None:
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
    slices = cap(beyond, engine.settings.max_records_per_batch)
    if not slices:
        return None
    position = ledger.position.advance(slices)
    fit(engine.spark, sum(map(len, slices)))
    typed = typed_rows(table, delta.read(engine.spark, engine.lake, table.source.key, slices=slices)).localCheckpoint(
        eager=False
    )
    good, bad = _counts(typed)
    fit(engine.spark, sum(map(len, slices)) + engine.lake.rows_in(table.key, good))
    leftovers = quarantine.left_behind(engine.lake, table.quarantine, ledger)
    return Publication(
        table=table,
        mode="merge",
        rows=winners(table, typed, position),
        statement=_increment(engine, position, good, bad, table.contract.version),
        before=ledger,
        rows_by_day=good,
        slices=slices,
        quarantined=set_aside(table, typed) if bad or leftovers else None,
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
    return deduplicate(hashed, table.full_grain, position.topic_ids)


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
    days = _changed_days(engine, table, ledger)
    fit(engine.spark, engine.lake.rows_in(table.source.key, days))
    rows, rows_by_day = answers(engine, table, days, source.version)
    return Publication(
        table=table,
        mode="replace",
        rows=rows,
        statement=Statement("increment", engine.run_id, days, {}, table.contract.version, source.position),
        before=ledger,
        rows_by_day=dict.fromkeys(days, 0) | rows_by_day,
    )


def _changed_days(engine: Engine, table: DailyTable, ledger: Ledger) -> tuple[date, ...]:
    named = days_since(engine.lake.commits(table.source.key), ledger.position)
    if named is None:
        return tuple(sorted(engine.lake.days(table.source.key) | engine.lake.days(table.key)))
    return named


def answers(
    engine: Engine, table: DailyTable, days: tuple[date, ...], version: int
) -> tuple[DataFrame, dict[date, int]]:
    """The table's rows for these days, from its source as of a version, and how many there are by day.

    Raises:
        ContractError: an answer breaks a rule of the table's contract or its grain; nothing is published.
    """
    source = delta.read(engine.spark, engine.lake, table.source.key, days=days, version=version)
    rows = table.transform(source).select(*table.contract.fields.names).localCheckpoint(eager=False)
    return rows, audit(table, rows)


def audit(table: DailyTable, rows: DataFrame) -> dict[date, int]:
    """Answers by day, in one pass that also fills the cache.

    Raises:
        ContractError: an answer breaks a rule of the table's contract or its grain.
    """
    broken = F.get(table.contract.broken(), F.lit(0))
    by_grain = rows.groupBy(*table.full_grain).agg(F.count("*").alias("n"), F.max(broken).alias("broken"))
    by_day = by_grain.groupBy("event_date").agg(
        F.sum("n").alias("rows"), F.max("n").alias("most"), F.max("broken").alias("broken")
    )
    found = by_day.collect()
    for day in found:
        _check_answers(table, day)
    return dict(sorted((day["event_date"], day["rows"]) for day in found))


def _check_answers(table: DailyTable, day: Row) -> None:
    broken = f"breaks {day['broken']!r}" if day["broken"] else ""
    if not broken and day["most"] > 1:
        broken = f"has {day['most']} rows for one {' and '.join(table.full_grain)}, its grain"
    if broken:
        raise ContractError(
            f"the answer for {day['event_date']} {broken}; nothing was published",
            where=table.key,
            do="Correct the transform or the contract",
        )


def _counts(rows: DataFrame) -> tuple[dict[date, int], int]:
    """(good rows by day, bad rows), in one pass that also fills the cache."""
    is_bad = F.size(REASONS) > 0
    day = F.when(~is_bad, F.col("event_date")).alias("day")
    counted = rows.groupBy(day).count().collect()
    good = {row["day"]: row["count"] for row in counted if row["day"] is not None}
    return dict(sorted(good.items())), sum(row["count"] for row in counted) - sum(good.values())


def count_days(rows: DataFrame) -> dict[date, int]:
    """Rows by event_date."""
    counted = rows.groupBy("event_date").count().collect()
    return dict(sorted((row["event_date"], row["count"]) for row in counted))


def _increment(engine: Engine, position: Position, good: Mapping[date, int], bad: int, contract: str) -> Statement:
    counts = {"good": sum(good.values()), "quarantined": bad}
    return Statement("increment", engine.run_id, tuple(good), counts, contract, position)
