"""Events: records of a source typed, judged and merged by grain; the same rows however the records were batched."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, Window

from lakehouse_assets.engine import names
from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.changes import days_beyond
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Position, predicate
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.names import own
from lakehouse_assets.engine.sessions import fit
from lakehouse_assets.engine.writing import delta, drift, failing, judging, quarantine, spanning
from lakehouse_assets.engine.writing.audits import Audit, together
from lakehouse_assets.engine.writing.deduplication import COORDINATE
from lakehouse_assets.engine.writing.drift import Columns
from lakehouse_assets.engine.writing.engine import Engine, increment_statement, settled_ledger
from lakehouse_assets.engine.writing.judging import with_failing
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.reach import held_on
from lakehouse_assets.engine.writing.rebuilds import Rebuild, in_pieces, passed_days, rebuild_statement
from lakehouse_assets.engine.writing.verdicts import refuse_broken, set_aside, winners

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.event import EventTable


def refine(engine: Engine, table: EventTable) -> Publication | None:
    """Silver: the bronze rows beyond the table's position, at most one batch of them."""
    ledger = settled_ledger(engine, table)
    beyond = ledger_of(engine.lake, table.source).position.since(ledger.position)
    source = table.source.reader(engine.settings)
    slices = source.cap(beyond)
    if not slices:
        return None
    position = ledger.position.advance(slices)
    fit(engine.spark, source.records(slices))
    touched = days_beyond(engine.lake.commits(table.source.key), ledger.position)
    where = "" if touched is None else table.grid.where(touched)
    records = delta.read(engine.spark, engine.lake, table.source.key, slices=slices, where=where)
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
        statement=replace(increment_statement(engine, table, position, counted), columns=change.columns),
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


def over_table(
    engine: Engine, table: EventTable, rows: DataFrame, position: Position, days: Collection[Partition]
) -> Audit:
    """The verdict of the rules over several rows, on the days as they will be."""
    if spanning.looks_at_table(table.contract.spanning) and engine.lake.version(table.key) >= 0:
        wanted = [*table.contract.fields.names, *table.grid.columns, *COORDINATE]
        held = delta.read(engine.spark, engine.lake, table.key, where=table.grid.where(days))
        known = [name for name in held.columns if name in wanted]
        both = rows.select(*wanted).unionByName(held.select(*known), allowMissingColumns=True)
        first = Window.partitionBy(*table.full_grain).orderBy(*table.precedence(position).ordering())
        rows = both.withColumn(own("rank"), F.row_number().over(first)).where(names.column(own("rank")) == 1)
    return spanning.audit(engine.spark, engine.lake, table, rows, days)


def redo(engine: Engine, table: EventTable, days: Sequence[Partition], tries: Collection[str] = ()) -> Rebuild:
    """Silver: the days' bronze records through today's transform and contract. `tries` are earlier runs of this one."""

    return in_pieces(engine, table, table.source.key, days, tries, partial(_redo, engine, table))


def _redo(engine: Engine, table: EventTable, days: Sequence[Partition], audits: list[Audit]) -> Publication | None:
    ledger = settled_ledger(engine, table)
    held = held_on(engine.lake, ledger.position, table.grid.where(days), (table.source.key, table.quarantine))
    fit(engine.spark, engine.lake.rows_in(table.source.key, days))
    records = delta.read(engine.spark, engine.lake, table.source.key, where=table.grid.where(days))
    found = judging.typed(engine, table, records, held, ledger.accepted_rules, failing.known(engine.lake, table))
    rows = winners(table, found.rows, ledger.position, columns(engine, table, ledger))
    counted = together([found.audit, spanning.audit(engine.spark, engine.lake, table, rows, days)])
    audits.append(counted)
    passed = passed_days(table, counted, days, ledger)
    if not passed:
        return None
    rows = rows.where(table.grid.where(passed))
    published = counted.without({*days} - {*passed})
    had, bad = (
        engine.lake.rows_in(table.quarantine, passed),
        with_failing(set_aside(table, found.rows), found).where(table.grid.where(passed)),
    )
    if had:
        bad = quarantine.kept(
            delta.read(engine.spark, engine.lake, table.quarantine, where=table.grid.where(passed), slices=held), bad
        )
    return Publication(
        table=table,
        mode="replace",
        rows=rows,
        statement=rebuild_statement(engine, table, passed),
        before=ledger,
        audit=published,
        quarantined=bad if had or published.bad_rows else None,
        quarantine_where=f"{table.grid.where(passed)} AND {predicate(held)}",
        change=drift.change(engine.lake, table, rows.schema, ledger.accepted_rules),
        settle=passed if had else (),
    )
