"""Answers: partitions recomputed whole from other tables; what they say never depends on how records came."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame

from lakehouse_assets.engine.grids import UNPARTED, WHOLE, Partition, ordered
from lakehouse_assets.engine.history.changes import days_since, known_by
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger, version_of
from lakehouse_assets.engine.history.meeting import Meeting, at, meet
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.upstreams import Upstream
from lakehouse_assets.engine.writing import delta, drift, judging, near_reading, spanning
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS, Audit, together
from lakehouse_assets.engine.writing.engine import Engine, increment_statement, standing_ledger
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.rebuilds import (
    Rebuild,
    in_pieces,
    passed_days,
    rebuild_statement,
    rows_needed,
)
from lakehouse_assets.engine.writing.rows import Rows
from lakehouse_assets.engine.writing.verdicts import refuse_broken

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.answer import AnswerTable


def recompute(engine: Engine, table: AnswerTable) -> Publication | None:
    """Gold: the partitions that changed above it since its position, up to where its sources meet."""
    ledger, meeting = standing_ledger(engine.lake, table), meet(engine.lake, table)
    if meeting is None:
        return None
    days = changed(engine.lake, table, ledger, meeting)
    if not days and not meeting.position.since(ledger.position):
        return None
    rows, counted = answered(engine, table, days, meeting.versions)
    refuse_broken(table, counted, ledger.accepted_rules)
    change = drift.change(engine.lake, table, table.contract.fields, ledger.accepted_rules)
    return Publication(
        table=table,
        mode="replace",
        rows=rows.frame,
        here=rows.here,
        computed=rows.frame,
        statement=replace(
            increment_statement(engine, table, meeting.position, counted),
            days=days,
            counts={},
            versions=_read(engine, table, meeting),
            columns=change.columns,
        ),
        before=ledger,
        change=change,
        audit=counted,
    )


def is_behind(lake: Lake, table: AnswerTable, ledgers: Mapping[str, Ledger]) -> bool:
    """Whether an increment would find something."""
    own = ledgers[table.key]
    above = {each.key: ledgers.get(each.key) or ledger_of(lake, each) for each in table.upstreams}
    is_moved = any(not each.position.is_within(own.position) for each in above.values())
    if not is_moved and not any(is_told_more(each, own, key) for key, each in above.items()):
        return False
    meeting = meet(lake, table)
    if meeting is None:
        return False
    return bool(meeting.position.since(own.position) or changed(lake, table, own, meeting))


def is_told_more(above: Ledger, own: Ledger, key: str) -> bool:
    """Whether a table says, or may have said, more than its position since another one read it."""
    return not above.complete or above.stated_version > max(above.position_version, version_of(own.versions, key))


def changed(lake: Lake, table: AnswerTable, ledger: Ledger, meeting: Meeting) -> tuple[Partition, ...]:
    """The partitions that the table does not show as they are where its sources meet.

    All of them where something was said since it read a source and that one's history no longer tells of which.
    """
    found: set[Partition] = set()
    every = cache(lambda: ordered(_every(lake, table)))
    for each in table.lives_on:
        if each.looked_up:
            continue
        key = each.table.key
        known = known_by(lake.commits(table.key), key, ledger.position)
        newer = lake.commits(key, meeting.versions[key])
        named = days_since(newer, known, ledger.position, partial(_touched, table, each, every))
        above = ledger_of(lake, each.table)
        if named is None and (is_told_more(above, ledger, key) or above.position.since(ledger.position)):
            return tuple(every())
        found.update(named or ())
    return tuple(ordered(found))


def _touched(
    table: AnswerTable, above: Upstream, every: Callable[[], Sequence[Partition]], day: Partition
) -> Iterable[Partition]:
    return above.touched(table.grid, day, every() if above.is_read_whole else ())


def _every(lake: Lake, table: AnswerTable) -> set[Partition]:
    """All partitions that the table has, or could have."""
    found = {*lake.days(table.key)}
    for each in table.lives_on:
        if not each.is_read_whole:
            found.update(part for day in lake.days(each.table.key) for part in each.touched(table.grid, day, ()))
    return found if found or table.grid != UNPARTED else {WHOLE}


def _read(engine: Engine, table: AnswerTable, meeting: Meeting) -> dict[str, int]:
    """The versions that a commit states: of its sources where they meet, of what it looks up as that is now."""
    return {**meeting.versions, **{each.key: engine.lake.version(each.key) for each in table.references}}


def answered(
    engine: Engine, table: AnswerTable, days: tuple[Partition, ...], versions: Mapping[str, int]
) -> tuple[Rows, Audit]:
    """The table's rows for these partitions, from its sources as of versions, with `remarks`; and their audit."""
    needed = sum(rows_needed(engine.lake, table, days).values())
    engine.fit(needed)
    few = needed <= min(near_reading.MOST_ROWS, engine.settings.near_rows)
    checked, counted = judging.answered(engine, table, partial(_frames, engine, table, versions, few), days, few=few)
    over_all = spanning.audit(engine.spark, engine.lake, table, checked.frame, days)
    return checked.without(REASONS, REMARKS), together([counted, over_all])


def _frames(
    engine: Engine, table: AnswerTable, versions: Mapping[str, int], few: bool, days: Sequence[Partition]
) -> list[DataFrame]:
    """What some partitions are computed from, source by source; of one that does not exist yet no rows."""
    return [_frame(engine, table, each, versions.get(each.table.key), few, days) for each in table.lives_on]


def _frame(
    engine: Engine, table: AnswerTable, above: Upstream, version: int | None, few: bool, days: Sequence[Partition]
) -> DataFrame:
    key = above.table.key
    if version == -1 or (version is None and engine.lake.version(key) < 0):
        return engine.spark.createDataFrame([], above.table.readable)
    where, parts = above.needed(table.grid, days), above.parts_needed(table.grid, days)
    return delta.read(engine.spark, engine.lake, key, where=where, parts=parts, version=version, few=few)


def redo(engine: Engine, table: AnswerTable, days: Sequence[Partition], tries: Collection[str] = ()) -> Rebuild:
    """Gold: the partitions recomputed from its sources as they were at the table's own position."""

    return in_pieces(engine, table, days, tries, partial(_redo, engine, table))


def _redo(engine: Engine, table: AnswerTable, days: Sequence[Partition], audits: list[Audit]) -> Publication | None:
    ledger = standing_ledger(engine.lake, table)
    meeting = at(engine.lake, table, ledger.position)
    rows, counted = answered(engine, table, tuple(days), meeting.versions)
    audits.append(counted)
    passed = passed_days(table, counted, days, ledger)
    if not passed:
        return None
    return Publication(
        table=table,
        mode="replace",
        rows=rows.frame.where(table.grid.where(passed)),
        change=drift.change(engine.lake, table, table.contract.fields, ledger.accepted_rules),
        statement=rebuild_statement(engine, table, passed, _read(engine, table, meeting)),
        before=ledger,
        audit=counted.without({*days} - {*passed}),
    )
