"""Rebuilds: the rows of some days computed anew from the layer below, no further than the table's own position."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pyspark.sql.functions as F
from pyspark.sql import DataFrame

from lakehouse_assets.engine import delta, kafka
from lakehouse_assets.engine.increments import (
    Engine,
    answers,
    count_days,
    date_records,
    set_aside,
    standing_ledger,
    typed_rows,
    winners,
)
from lakehouse_assets.engine.lake import Lake
from lakehouse_assets.engine.ledger import Statement
from lakehouse_assets.engine.planning import TopicState
from lakehouse_assets.engine.position import Position, Slice, predicate
from lakehouse_assets.engine.publication import Publication
from lakehouse_assets.engine.quarantine import REASONS
from lakehouse_assets.engine.tables import DailyTable, EventTable, KafkaTable
from lakehouse_assets.errors import PlanError


def repair(engine: Engine, table: KafkaTable, days: Sequence[date]) -> Publication:
    """Bronze: rereads what Kafka still holds below the position and inserts what is missing; deletes nothing."""
    ledger = standing_ledger(engine.lake, table)
    slices = still_held(kafka.topic_state(engine.settings, table.topic), ledger.position)
    records = kafka.read(engine.spark, engine.settings, table.topic, slices)
    dated = date_records(engine.settings, table, records, datetime.now(UTC)).where(F.col("event_date").isin([*days]))
    good = dated.where(F.size(REASONS) == 0).drop(REASONS).localCheckpoint(eager=False)
    return Publication(
        table=table,
        mode="append",
        rows=good,
        statement=Statement("rebuild", engine.run_id, tuple(days)),
        before=ledger,
        rows_by_day=count_days(good),
        slices=slices,
    )


def still_held(state: TopicState, position: Position) -> tuple[Slice, ...]:
    """What the topic still holds of the coordinates in a position."""
    held = []
    for part in position.slices():
        begin = state.log_start.get(part.partition)
        if part.topic_id == state.topic_id and begin is not None and max(begin, part.start) < part.end:
            held.append(Slice(part.topic_id, part.partition, max(begin, part.start), part.end))
    return tuple(held)


def redo_events(engine: Engine, table: EventTable, records: DataFrame, days: Sequence[date]) -> Publication:
    """Silver: the days' bronze records through today's transform and contract."""
    ledger = standing_ledger(engine.lake, table)
    held = tuple(ledger.position.slices())
    typed = typed_rows(table, records.where(predicate(held))).localCheckpoint(eager=False)
    rows = winners(table, typed, ledger.position).localCheckpoint(eager=False)
    return Publication(
        table=table,
        mode="replace",
        rows=rows,
        statement=Statement("rebuild", engine.run_id, tuple(days), contract=table.contract.version),
        before=ledger,
        rows_by_day=count_days(rows),
        quarantined=set_aside(table, typed),
        quarantine_where=f"{delta.in_days(days)} AND {predicate(held)}",
    )


def redo_answers(engine: Engine, table: DailyTable, days: Sequence[date]) -> Publication:
    """Gold: the days recomputed from its source as it was at the table's own position."""
    ledger = standing_ledger(engine.lake, table)
    version = version_at(engine.lake, table.source.key, ledger.position)
    rows, rows_by_day = answers(engine, table, tuple(days), version)
    return Publication(
        table=table,
        mode="replace",
        rows=rows,
        statement=Statement("rebuild", engine.run_id, tuple(days), contract=table.contract.version),
        before=ledger,
        rows_by_day=rows_by_day,
    )


def version_at(lake: Lake, key: str, position: Position) -> int:
    """The newest version of a table that holds exactly this position.

    Raises:
        PlanError: the table's history no longer reaches it.
    """
    newer_increment = None
    for commit in lake.commits(key):
        stated = commit.statement.position if commit.statement else None
        if stated == position:
            return lake.version(key) if newer_increment is None else newer_increment - 1
        newer_increment = commit.version if stated is not None else newer_increment
    raise PlanError(
        "its history no longer holds the position of the table that is to be rebuilt from it",
        where=key,
        do="Let the next increment run first: it brings both to the same position",
    )
