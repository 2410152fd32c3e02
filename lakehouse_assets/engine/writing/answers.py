"""Answers: days recomputed from the table below, whole; what an answer says never depends on how records came."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.changes import days_since
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger, Statement
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.sessions import fit
from lakehouse_assets.engine.writing import delta, drift, judging, spanning
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS, Audit, together
from lakehouse_assets.engine.writing.engine import Engine, standing_ledger
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.rebuilds import Rebuild, in_pieces, passed_days, rebuild_statement, version_at
from lakehouse_assets.engine.writing.verdicts import refuse_broken

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.answer import AnswerTable


def recompute(engine: Engine, table: AnswerTable) -> Publication | None:
    """Gold: the days that changed in its source since the table's position."""
    ledger = standing_ledger(engine.lake, table)
    source = ledger_of(engine.lake, table.source)
    if source.position.since(ledger.position):
        days = changed_days(engine.lake, table, ledger)
    elif not (days := redone_days(engine.lake, table, ledger)):
        return None
    fit(engine.spark, engine.lake.rows_in(table.source.key, days))
    rows, counted = answered(engine, table, days, source.version)
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


def redone_days(lake: Lake, table: AnswerTable, ledger: Ledger) -> tuple[Partition, ...]:
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


def changed_days(lake: Lake, table: AnswerTable, ledger: Ledger) -> tuple[Partition, ...]:
    """The days of the source that the table does not show as they are now; all of them where the history ends."""
    named = days_since(lake.commits(table.source.key), lake.commits(table.key), ledger.position)
    return _every_day(lake, table) if named is None else named


def _every_day(lake: Lake, table: AnswerTable) -> tuple[Partition, ...]:
    return tuple(sorted(lake.days(table.source.key) | lake.days(table.key)))


def answered(engine: Engine, table: AnswerTable, days: tuple[Partition, ...], version: int) -> tuple[DataFrame, Audit]:
    """The table's rows for these days, from its source as of a version, with `remarks`; and their audit."""
    source = delta.read(engine.spark, engine.lake, table.source.key, where=table.grid.where(days), version=version)
    checked, counted = judging.answered(engine, table, source, days)
    over_all = spanning.audit(engine.spark, engine.lake, table, checked, days)
    return checked.drop(REASONS, REMARKS), together([counted, over_all])


def redo(engine: Engine, table: AnswerTable, days: Sequence[Partition], tries: Collection[str] = ()) -> Rebuild:
    """Gold: the days recomputed from its source as it was at the table's own position."""

    return in_pieces(engine, table, table.source.key, days, tries, partial(_redo, engine, table))


def _redo(engine: Engine, table: AnswerTable, days: Sequence[Partition], audits: list[Audit]) -> Publication | None:
    ledger = standing_ledger(engine.lake, table)
    version = version_at(engine.lake, table.source.key, ledger.position)
    fit(engine.spark, engine.lake.rows_in(table.source.key, days))
    rows, counted = answered(engine, table, tuple(days), version)
    audits.append(counted)
    passed = passed_days(table, counted, days, ledger)
    if not passed:
        return None
    return Publication(
        table=table,
        mode="replace",
        rows=rows.where(table.grid.where(passed)),
        change=drift.change(engine.lake, table, table.contract.fields, ledger.accepted_rules),
        statement=rebuild_statement(engine, table, passed, source_version=version),
        before=ledger,
        audit=counted.without({*days} - {*passed}),
    )
