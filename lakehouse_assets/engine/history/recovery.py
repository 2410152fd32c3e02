"""Positions from the rows themselves, for a table whose history no longer states one.

Log retention removed it, or a segment that holds a part of it is gone. What is claimed is rather too little than too
much: what is taken again is there already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.history.segments import is_readable
from lakehouse_assets.engine.sources.file_versions import name_in

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.event import EventTable
    from lakehouse_assets.engine.kinds.source import SourceTable
    from lakehouse_assets.engine.table import Table

OWN = 'SELECT topic_id, "partition", "offset" FROM t'
_LOSERS = """
    SELECT l['topic_id'] AS topic_id, l['partition'] AS "partition", l['offset'] AS "offset"
    FROM (SELECT unnest(losers) AS l FROM t)
"""


def ledger_of(lake: Lake, table: Table) -> Ledger:
    """The table's ledger; its position is recovered from the rows where the history has lost it.

    Gold holds no coordinates: its position then is empty, and the next increment recomputes every day.
    """
    ledger = lake.ledger(table.key)
    if ledger.complete and is_readable(ledger.position):
        return ledger
    return replace(ledger, position=table.recovered(lake), is_overshot=True)


def of_quarantine(lake: Lake, key: str) -> Ledger:
    """The ledger of a quarantine; its position is that of its rows where a part of it is gone."""
    ledger = lake.ledger(key)
    if is_readable(ledger.position):
        return ledger
    return replace(ledger, position=Position().advance(sorted(_ranges(lake, key, OWN))))


def by_rows(lake: Lake, sources: Sequence[SourceTable], coordinates: Mapping[str, str]) -> Position:
    """One range for each partition, of the `coordinates` in tables by key; `sources` tell the order of topic ids."""
    found = [part for key, query in coordinates.items() for part in _ranges(lake, key, query)]
    return _merged(found, _order(lake, sources))


def by_rows_of_events(lake: Lake, table: EventTable) -> Position:
    """By its rows and their losers; of a file what the source table has taken of it.

    Its quarantine does not count: it may hold rows that a dead run left there.
    """
    held = by_rows(lake, table.sources, {table.key: f"{OWN} UNION ALL {_LOSERS}"})
    taken = {each: parts for source in table.sources for each, parts in ledger_of(lake, source).position.epochs.items()}
    return Position({each: taken.get(each, parts) if name_in(each) else parts for each, parts in held.epochs.items()})


def _merged(found: Iterable[Slice], order: Mapping[str, int]) -> Position:
    merged: dict[tuple[str, int], Slice] = {}
    for part in found:
        known = merged.get((part.topic_id, part.partition), part)
        start, end = min(part.start, known.start), max(part.end, known.end)
        merged[part.topic_id, part.partition] = Slice(part.topic_id, part.partition, start, end)
    return Position().advance(sorted(merged.values(), key=lambda part: (order[part.topic_id], part.partition)))


def _ranges(lake: Lake, key: str, coordinates: str) -> Iterator[Slice]:
    query = (
        'SELECT topic_id, "partition", min("offset") AS first, max("offset") AS last'
        f' FROM ({coordinates}) GROUP BY topic_id, "partition"'
    )
    for row in lake.query(key, query):
        yield Slice(row["topic_id"], row["partition"], row["first"], row["last"] + 1)


def _order(lake: Lake, sources: Sequence[SourceTable]) -> dict[str, int]:
    """The place of each topic id, oldest first: by the time of their records in bronze."""
    query = "SELECT topic_id, min(timestamp) AS since FROM t GROUP BY topic_id"
    found = [row for each in sources for key in (each.key, each.quarantine) for row in lake.query(key, query)]
    return {row["topic_id"]: place for place, row in enumerate(sorted(found, key=lambda row: row["since"]))}
