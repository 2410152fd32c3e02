"""Replays: quarantined records through today's transform and contract; those that pass now join their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyspark.sql.functions as F
from pyspark.sql import DataFrame

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.position import predicate
from lakehouse_assets.engine.writing import delta, drift, failing, judging, quarantine
from lakehouse_assets.engine.writing.audits import Audit, together
from lakehouse_assets.engine.writing.deduplication import COORDINATE
from lakehouse_assets.engine.writing.engine import Engine, settled_ledger
from lakehouse_assets.engine.writing.events import columns, over_table, precedence_of
from lakehouse_assets.engine.writing.failing import FAILED_CODE
from lakehouse_assets.engine.writing.judging import with_failing
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.raw import on, records_of
from lakehouse_assets.engine.writing.reach import held_on
from lakehouse_assets.engine.writing.rebuilds import Rebuild, pieces_of, rebuild_statement
from lakehouse_assets.engine.writing.verdicts import fatal, set_aside, winners

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.event import EventTable


def replay(engine: Engine, table: EventTable, days: Sequence[Partition]) -> Rebuild:
    """Silver: the days' quarantined records through today's transform and contract; those that pass now are merged.

    A record that breaks a `fail` rule stays set aside. A second replay finds nothing more to do.
    """
    sizes = engine.lake.rows_by_day(table.quarantine)
    pieces = tuple(pieces_of([day for day in days if day in sizes], sizes, engine.settings.max_rows_per_piece))
    return Rebuild(
        table, tuple(days), frozenset(), pieces, partial(_replay, engine, table), engine.lake, row_rules(table)
    )


def row_rules(table: EventTable) -> frozenset[str]:
    """The rules that each row is held to by itself."""
    return frozenset(rule.name for rule in table.contract.rules)


def _replay(engine: Engine, table: EventTable, days: Sequence[Partition], audits: list[Audit]) -> Publication | None:
    ledger, where = settled_ledger(engine, table), table.grid.where(days)
    sources = [source.key for source in table.sources]
    held = held_on(engine.lake, ledger.position, where, (*sources, table.quarantine))
    aside = delta.read(engine.spark, engine.lake, table.quarantine, where=where, slices=held)
    engine.fit(sum(engine.lake.rows_in(source, days) for source in sources))
    every, versions = records_of(engine.spark, engine.lake, table, on(table, days), held)
    records = every.among(_coordinates(table, aside))
    found = judging.typed(engine, table, records, held, row_rules(table), failing.known(engine.lake, table))
    counted, precedence = found.audit, precedence_of(engine.lake, table)
    rows = winners(table, found.rows, precedence, columns(engine, table, ledger))
    if table.contract.spanning:
        counted = together([counted, over_table(engine, table, rows, precedence, counted.good)])
    audits.append(counted)
    passed = tuple(day for day in counted.good if day not in counted.breaks(fatal(table, row_rules(table))))
    if not passed:
        return None
    bad = with_failing(set_aside(table, found.rows), found)
    return Publication(
        table=table,
        mode="merge",
        rows=rows.where(table.grid.where(passed)),
        statement=replace(rebuild_statement(engine, table, passed, versions), kind="replay"),
        before=ledger,
        audit=counted.without({*days} - {*passed}),
        quarantined=quarantine.kept(table, aside, bad).where(table.grid.where(passed)),
        quarantine_where=f"{table.grid.where(passed)} AND {predicate(held)}",
        settle=passed,
        precedence=precedence,
        change=drift.change(engine.lake, table, rows.schema, ledger.accepted_rules),
    )


def _coordinates(table: EventTable, aside: DataFrame) -> DataFrame:
    """Those of rows set aside; a record that made the code fail stands for all of its lines."""
    if FAILED_CODE not in aside.columns:
        return aside.select(*table.coordinate)
    lines = [name for name in table.coordinate if name not in COORDINATE]
    return aside.select(*COORDINATE, *(F.when(F.col(FAILED_CODE).isNull(), F.col(name)).alias(name) for name in lines))
