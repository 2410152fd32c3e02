"""Events: records of a source typed, judged and merged by grain; the same rows however the records were batched."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, Window

from lakehouse_assets.engine import names
from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.changes import days_beyond
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.meeting import states
from lakehouse_assets.engine.history.position import Position, Slice, predicate
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.names import own
from lakehouse_assets.engine.writing import delta, drift, failing, judging, quarantine, spanning
from lakehouse_assets.engine.writing.audits import Audit, together
from lakehouse_assets.engine.writing.deduplication import Precedence
from lakehouse_assets.engine.writing.drift import Columns
from lakehouse_assets.engine.writing.engine import Engine, increment_statement, settled_ledger
from lakehouse_assets.engine.writing.judging import with_failing
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.raw import on, records_of
from lakehouse_assets.engine.writing.reach import held_on
from lakehouse_assets.engine.writing.rebuilds import Rebuild, in_pieces, passed_days, rebuild_statement
from lakehouse_assets.engine.writing.verdicts import refuse_broken, set_aside, winners

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.event import EventTable
    from lakehouse_assets.engine.kinds.source import SourceTable


def refine(engine: Engine, table: EventTable) -> Publication | None:
    """Silver: the bronze rows beyond the table's position, at most one batch of each source."""
    ledger = settled_ledger(engine, table)
    slices = {source: next_slices(engine, source, ledger.position) for source in table.sources}
    taken = tuple(part for parts in slices.values() for part in parts)
    if not taken:
        return None
    position = ledger.position.advance(taken)
    count = sum(source.reader(engine.settings).records(parts) for source, parts in slices.items())
    few = engine.fit(count)
    where = {source.key: _beyond(engine, source, ledger.position) for source in table.sources}
    records, versions = records_of(
        engine.spark, engine.lake, table, where, taken, few=few, handed=_handed(engine, slices)
    )
    found = judging.typed(engine, table, records, taken, ledger.accepted_rules, few=few)
    counted, precedence = found.audit, precedence_of(engine.lake, table)
    rows = winners(table, found.rows, precedence, columns(engine, table, ledger))
    if table.contract.spanning:
        rows = rows.localCheckpoint(eager=False)
        counted = together([counted, over_table(engine, table, rows, precedence, counted.good)])
    refuse_broken(table, counted, ledger.accepted_rules)
    change = drift.change(engine.lake, table, rows.schema, ledger.accepted_rules)
    if not few:
        engine.fit(count + engine.lake.rows_in(table.key, counted.good))
    leftovers = quarantine.left_behind(engine.lake, table.quarantine, ledger)
    said = increment_statement(engine, table, position, counted)
    return Publication(
        table=table,
        mode="merge",
        rows=rows,
        computed=found.rows,
        statement=replace(said, columns=change.columns, versions=versions),
        before=ledger,
        change=change,
        audit=counted,
        slices=taken,
        quarantined=with_failing(set_aside(table, found.rows), found) if counted.bad_rows or leftovers else None,
        quarantine_where=quarantine.replaced(taken, leftovers),
        precedence=precedence,
    )


def _handed(engine: Engine, wanted: Mapping[SourceTable, Sequence[Slice]]) -> dict[str, DataFrame]:
    """By source: its rows of these slices, where they are what was committed last."""
    found = {source.key: (engine.handed.get(source.key), tuple(parts)) for source, parts in wanted.items()}
    return {key: each.rows for key, (each, parts) in found.items() if each is not None and each.slices == parts}


def next_slices(engine: Engine, source: SourceTable, position: Position) -> tuple[Slice, ...]:
    """What a table takes next of a source: up to the newest position that the source table stated within one batch.

    So all tables of a source come through the same positions. As much as a batch may have where none is so near.
    """
    reader, newest = source.reader(engine.settings), ledger_of(engine.lake, source).position
    beyond = newest.since(position)
    capped = reader.cap(beyond)
    if capped == beyond:
        return capped
    for state in states(engine.lake, source.key):
        stated = state.position.since(position)
        if not stated:
            break
        if reader.cap(stated) == stated:
            return stated
    return capped


def _beyond(engine: Engine, source: SourceTable, position: Position) -> str:
    """Where in a source table the rows lie that a position does not hold; empty where its history cannot tell."""
    touched = days_beyond(engine.lake.commits(source.key), position)
    return "" if touched is None else source.grid.where(touched)


def precedence_of(lake: Lake, table: EventTable) -> Precedence:
    """Which of two records of a grain wins: by source in their order, by topic id as accepted, by coordinate."""
    known = [source.order(ledger_of(lake, source).position) for source in table.sources]
    topic_ids = None if known == [None] else tuple(each for ids in known for each in ids or ())
    return Precedence(table.keep, topic_ids, table.coordinate)


def columns(engine: Engine, table: EventTable, ledger: Ledger) -> Columns:
    """The columns beyond the model that the batch's rows need."""
    return drift.columns_of(engine.lake, table, ledger.accepted_rules)


def over_table(
    engine: Engine, table: EventTable, rows: DataFrame, precedence: Precedence, days: Collection[Partition]
) -> Audit:
    """The verdict of the rules over several rows, on the partitions as they will be."""
    if spanning.looks_at_table(table.contract.spanning) and engine.lake.version(table.key) >= 0:
        wanted = [*table.contract.fields.names, *table.grid.columns, *table.coordinate]
        held = delta.read(engine.spark, engine.lake, table.key, where=table.grid.where(days))
        known = [name for name in held.columns if name in wanted]
        both = rows.select(*wanted).unionByName(held.select(*known), allowMissingColumns=True)
        first = Window.partitionBy(*table.full_grain).orderBy(*precedence.ordering())
        rows = both.withColumn(own("rank"), F.row_number().over(first)).where(names.column(own("rank")) == 1)
    return spanning.audit(engine.spark, engine.lake, table, rows, days)


def redo(engine: Engine, table: EventTable, days: Sequence[Partition], tries: Collection[str] = ()) -> Rebuild:
    """Silver: the partitions' bronze records through today's transform and contract; `tries` are earlier runs of it."""
    return in_pieces(engine, table, days, tries, partial(_redo, engine, table))


def _redo(engine: Engine, table: EventTable, days: Sequence[Partition], audits: list[Audit]) -> Publication | None:
    ledger = settled_ledger(engine, table)
    sources = [source.key for source in table.sources]
    held = held_on(engine.lake, ledger.position, table.grid.where(days), (*sources, table.quarantine))
    engine.fit(sum(engine.lake.rows_in(source, days) for source in sources))
    records, versions = records_of(engine.spark, engine.lake, table, on(table, days))
    found = judging.typed(engine, table, records, held, ledger.accepted_rules, failing.known(engine.lake, table))
    rows = winners(table, found.rows, precedence_of(engine.lake, table), columns(engine, table, ledger))
    counted = together([found.audit, spanning.audit(engine.spark, engine.lake, table, rows, days)])
    audits.append(counted)
    passed = passed_days(table, counted, days, ledger)
    if not passed:
        return None
    where = table.grid.where(passed)
    rows, published = rows.where(where), counted.without({*days} - {*passed})
    bad = with_failing(set_aside(table, found.rows), found).where(where)
    if had := engine.lake.rows_in(table.quarantine, passed):
        aside = delta.read(engine.spark, engine.lake, table.quarantine, where=where, slices=held)
        bad = quarantine.kept(table, aside, bad)
    return Publication(
        table=table,
        mode="replace",
        rows=rows,
        statement=rebuild_statement(engine, table, passed, versions),
        before=ledger,
        audit=published,
        quarantined=bad if had or published.bad_rows else None,
        quarantine_where=f"{where} AND {predicate(held)}",
        change=drift.change(engine.lake, table, rows.schema, ledger.accepted_rules),
        settle=passed if had else (),
    )
