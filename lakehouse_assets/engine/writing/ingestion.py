"""Ingestion: a source's records into its table as they came, and the repair of what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pyspark.sql.functions as F
from pyspark.sql import DataFrame

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Slice, without
from lakehouse_assets.engine.sources.planning import Acceptance
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets.engine.writing import failing, judging, quarantine
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS, Audit, audit
from lakehouse_assets.engine.writing.engine import (
    Batch,
    Engine,
    increment_statement,
    settled_ledger,
    standing_ledger,
)
from lakehouse_assets.engine.writing.judging import Judged, with_failing
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.rebuilds import Rebuild, rebuild_statement
from lakehouse_assets.engine.writing.rows import Rows
from lakehouse_assets.errors import PlanError

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable


def land(engine: Engine, table: SourceTable, batch: Batch) -> Publication | None:
    """Bronze: the frozen slices as landed; faulty files and records outside of the calendar go to quarantine whole."""
    if not batch.slices:
        standing_ledger(engine.lake, table)
        return None
    ledger = settled_ledger(engine, table)
    _check_start(table, ledger, batch.slices)
    source = table.reader(engine.settings)
    few = engine.fit(source.records(batch.slices))
    found = judging.landed(engine, table, source, batch.slices, batch.planned_at, few=few)
    source.check(batch.slices)
    leftovers = quarantine.left_behind(engine.lake, table.quarantine, ledger)
    rows = Rows(found.rows, found.here).good(*RECORD.names, *table.grid.columns)
    return Publication(
        table=table,
        mode="append",
        rows=rows.frame,
        here=rows.here,
        computed=found.rows,
        statement=increment_statement(engine, table, source.marked(ledger.position.advance(found.slices)), found.audit),
        before=ledger,
        audit=found.audit,
        slices=found.slices,
        quarantined=_faulty(found) if found.audit.bad_rows or leftovers else None,
        quarantine_where=quarantine.replaced(batch.slices, leftovers),
    )


def _faulty(found: Judged) -> DataFrame:
    faulty = found.rows.where(F.size(REASONS) > 0).drop(REMARKS).withColumn("set_aside_at", F.current_timestamp())
    return with_failing(faulty, found)


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


def repair(engine: Engine, table: SourceTable, days: Sequence[Partition]) -> Rebuild:
    """Bronze: rereads what the source still holds below the position and inserts what is missing; deletes nothing."""

    return Rebuild(table, tuple(days), frozenset(), (tuple(days),), partial(_repair, engine, table), engine.lake)


def _repair(engine: Engine, table: SourceTable, days: Sequence[Partition], audits: list[Audit]) -> Publication:
    ledger = settled_ledger(engine, table)
    source = table.reader(engine.settings)
    slices = without(source.held(ledger.position, days), failing.known(engine.lake, table))
    engine.fit(source.records(slices))
    found = judging.landed(engine, table, source, slices, datetime.now(UTC))
    of_days = found.rows.where(table.grid.where(days))
    checked = of_days.where(F.size(REASONS) == 0).select(*RECORD.names, *table.grid.columns, REASONS, REMARKS)
    audits.append(audit(checked, table.grid))
    return Publication(
        table=table,
        mode="append",
        rows=checked.drop(REASONS, REMARKS),
        statement=rebuild_statement(engine, table, days),
        before=ledger,
        audit=audits[-1],
        slices=found.slices,
        settle=tuple(days) if engine.lake.rows(table.quarantine) else (),
    )
