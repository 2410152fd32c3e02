"""Rebuilds: the rows of some days computed anew from the layer below, no further than the table's own position.

A rebuild of many days works through them in pieces. Each piece is one commit, planned when its turn comes, so that
increments of live data go on in between and a killed rebuild keeps what it has done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial

import pyspark.sql.functions as F
from pyspark.sql import DataFrame

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger, Statement
from lakehouse_assets.engine.history.position import Position, predicate, without
from lakehouse_assets.engine.sessions import fit
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets.engine.sources.source import source_of
from lakehouse_assets.engine.tables import DailyTable, EventTable, SourceTable, Table
from lakehouse_assets.engine.writing import delta, drift, failing, judging, quarantine, spanning
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS, Audit, audit, together
from lakehouse_assets.engine.writing.increments import (
    Engine,
    answers,
    columns,
    settled_ledger,
    standing_ledger,
    with_failing,
)
from lakehouse_assets.engine.writing.publication import Publication, in_turn
from lakehouse_assets.engine.writing.reach import held_on
from lakehouse_assets.engine.writing.verdicts import (
    fatal,
    refuse_broken,
    set_aside,
    winners,
)
from lakehouse_assets.errors import PlanError
from lakehouse_assets.settings import Settings

Plan = Callable[[Sequence[date], list[Audit]], Publication | None]
"""What to publish of some days, None when every one is refused; adds their audit to the list."""


@dataclass(frozen=True)
class Rebuild:
    """The days asked for, and what is left of them to publish, piece by piece."""

    table: Table
    days: tuple[date, ...]
    done: frozenset[date]
    """Days that an earlier try of the same run has committed."""
    pieces: tuple[tuple[date, ...], ...]
    plan: Plan
    settings: Settings
    accepted: frozenset[str] = frozenset()
    """Rules whose breach somebody has accepted."""
    audits: list[Audit] = field(default_factory=list)
    """Of the pieces planned so far, refused days included."""

    def __iter__(self) -> Iterator[Publication]:
        """Plans each piece when the one before it has been published; leaves out the days that break a fatal rule.

        Raises:
            RefusedError: at the end, when there were such days; they are as they were before.
        """
        for days in self.pieces:
            planned = in_turn(self.settings, self.table, partial(self._plan, days, len(self.audits)))
            if planned is not None:
                yield planned
        if isinstance(self.table, EventTable | DailyTable):
            refuse_broken(self.table, together(self.audits), self.accepted)

    def _plan(self, days: Sequence[date], known: int) -> Publication | None:
        """A piece that is planned anew is audited anew."""
        del self.audits[known:]
        return self.plan(days, self.audits)


def repair(engine: Engine, table: SourceTable, days: Sequence[date]) -> Rebuild:
    """Bronze: rereads what the source still holds below the position and inserts what is missing; deletes nothing."""

    return Rebuild(table, tuple(days), frozenset(), (tuple(days),), partial(_repair, engine, table), engine.settings)


def redo_events(
    engine: Engine, table: EventTable, records: DataFrame, days: Sequence[date], tries: Collection[str] = ()
) -> Rebuild:
    """Silver: the days' bronze records through today's transform and contract. `tries` are earlier runs of this one."""

    def plan(piece: Sequence[date], audits: list[Audit]) -> Publication | None:
        return _redo_events(engine, table, records.where(delta.in_days(piece)), piece, audits)

    return _in_pieces(engine, table, table.source.key, days, tries, plan)


def redo_answers(engine: Engine, table: DailyTable, days: Sequence[date], tries: Collection[str] = ()) -> Rebuild:
    """Gold: the days recomputed from its source as it was at the table's own position."""

    return _in_pieces(engine, table, table.source.key, days, tries, partial(_redo_answers, engine, table))


def _in_pieces(
    engine: Engine,
    table: Table,
    source: str,
    days: Sequence[date],
    tries: Collection[str],
    plan: Plan,
) -> Rebuild:
    done = committed_days(engine.lake, table, {engine.run_id, *tries})
    left = [day for day in days if day not in done]
    sizes = engine.lake.rows_by_day(source)
    pieces = tuple(pieces_of(left, sizes, engine.settings.max_rows_per_piece))
    accepted = engine.lake.ledger(table.key).accepted_rules
    return Rebuild(table, tuple(days), done & {*days}, pieces, plan, engine.settings, accepted)


def pieces_of(days: Sequence[date], sizes: Mapping[date, int], most: int) -> Iterator[tuple[date, ...]]:
    """Days in order, cut so that a piece holds at most `most` rows of the source, or one day."""
    piece: list[date] = []
    rows = 0
    for day in sorted(days):
        if piece and rows + sizes.get(day, 0) > most:
            yield tuple(piece)
            piece, rows = [], 0
        piece.append(day)
        rows += sizes.get(day, 0)
    if piece:
        yield tuple(piece)


def committed_days(lake: Lake, table: Table, run_ids: Collection[str]) -> frozenset[date]:
    """Days that these runs have rebuilt with today's code since the table's newest other rebuild."""
    done: set[date] = set()
    for commit in lake.commits(table.key):
        statement = commit.statement
        if statement is None or statement.kind == "acceptance":
            continue
        if statement.kind == "rebuild" and statement.run_id in run_ids and statement.code == table.code_version:
            done.update(statement.days)
        elif statement.kind == "rebuild":
            break
    return frozenset(done)


def _repair(engine: Engine, table: SourceTable, days: Sequence[date], audits: list[Audit]) -> Publication:
    ledger = settled_ledger(engine, table)
    source = source_of(engine.settings, table)
    slices = without(source.held(ledger.position, days), failing.known(engine.lake, table))
    fit(engine.spark, source.records(slices))
    found = judging.landed(engine, table, source, slices, datetime.now(UTC))
    of_days = found.rows.where(F.col("event_date").isin([*days]))
    checked = of_days.where(F.size(REASONS) == 0).select(*RECORD.names, "event_date", REASONS, REMARKS)
    audits.append(audit(checked))
    return Publication(
        table=table,
        mode="append",
        rows=checked.drop(REASONS, REMARKS),
        statement=_statement(engine, table, days),
        before=ledger,
        audit=audits[-1],
        slices=found.slices,
        settle=tuple(days) if engine.lake.rows(table.quarantine) else (),
    )


def _redo_events(
    engine: Engine, table: EventTable, records: DataFrame, days: Sequence[date], audits: list[Audit]
) -> Publication | None:
    ledger = settled_ledger(engine, table)
    held = held_on(engine.lake, ledger.position, days, (table.source.key, table.quarantine))
    fit(engine.spark, engine.lake.rows_in(table.source.key, days))
    found = judging.typed(engine, table, records, held, ledger.accepted_rules, failing.known(engine.lake, table))
    rows = winners(table, found.rows, ledger.position, columns(engine, table, ledger))
    counted = together([found.audit, spanning.audit(engine.spark, engine.lake, table.contract, rows, days)])
    audits.append(counted)
    passed = _passed(table, counted, days, ledger)
    if not passed:
        return None
    rows = rows.where(delta.in_days(passed))
    published = counted.without({*days} - {*passed})
    had, bad = (
        engine.lake.rows_in(table.quarantine, passed),
        with_failing(set_aside(table, found.rows), found).where(delta.in_days(passed)),
    )
    if had:
        bad = quarantine.kept(delta.read(engine.spark, engine.lake, table.quarantine, days=passed, slices=held), bad)
    return Publication(
        table=table,
        mode="replace",
        rows=rows,
        statement=_statement(engine, table, passed, contract=table.contract.version),
        before=ledger,
        audit=published,
        quarantined=bad if had or published.bad_rows else None,
        quarantine_where=f"{delta.in_days(passed)} AND {predicate(held)}",
        change=drift.change(engine.lake, table, rows.schema, ledger.accepted_rules),
        settle=passed if had else (),
    )


def _passed(table: EventTable | DailyTable, counted: Audit, days: Sequence[date], ledger: Ledger) -> tuple[date, ...]:
    refused = counted.breaks(fatal(table, ledger.accepted_rules))
    return tuple(day for day in days if day not in refused)


def _redo_answers(engine: Engine, table: DailyTable, days: Sequence[date], audits: list[Audit]) -> Publication | None:
    ledger = standing_ledger(engine.lake, table)
    version = version_at(engine.lake, table.source.key, ledger.position)
    fit(engine.spark, engine.lake.rows_in(table.source.key, days))
    rows, counted = answers(engine, table, tuple(days), version)
    audits.append(counted)
    passed = _passed(table, counted, days, ledger)
    if not passed:
        return None
    return Publication(
        table=table,
        mode="replace",
        rows=rows.where(delta.in_days(passed)),
        change=drift.change(engine.lake, table, table.contract.fields, ledger.accepted_rules),
        statement=_statement(engine, table, passed, contract=table.contract.version, source_version=version),
        before=ledger,
        audit=counted.without({*days} - {*passed}),
    )


def _statement(
    engine: Engine,
    table: Table,
    days: Sequence[date],
    contract: str = "",
    source_version: int = -1,
) -> Statement:
    return Statement(
        "rebuild",
        engine.run_id,
        tuple(days),
        contract=contract,
        code=table.code_version,
        source_version=source_version,
    )


def version_at(lake: Lake, key: str, position: Position) -> int:
    """The newest version of a table that holds exactly this position.

    Raises:
        PlanError: the table's history no longer reaches it.
    """
    end = None
    for commit in lake.commits(key):
        end = commit.version + 1 if end is None else end
        stated = commit.statement.position if commit.statement else None
        if stated == position:
            return end - 1
        end = commit.version if stated is not None else end
    raise PlanError(
        "its history no longer holds the position of the table that is to be rebuilt from it",
        where=key,
        do="Let the next increment run first: it brings both to the same position",
    )
