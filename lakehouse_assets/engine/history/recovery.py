"""Positions from the rows themselves, for a table whose history no longer states one (log retention removed it)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.tables import EventTable, SourceTable, Table

_OWN = 'SELECT topic_id, "partition", "offset" FROM t'
_LOSERS = """
    SELECT l['topic_id'] AS topic_id, l['partition'] AS "partition", l['offset'] AS "offset"
    FROM (SELECT unnest(losers) AS l FROM t)
"""


def ledger_of(lake: Lake, table: Table) -> Ledger:
    """The table's ledger; its position is recovered from the rows where the history has lost it.

    Gold holds no coordinates: its position then is empty, and the next increment recomputes every day.
    """
    ledger = lake.ledger(table.key)
    if ledger.complete or not isinstance(table, SourceTable | EventTable):
        return ledger
    return replace(ledger, position=recovered(lake, table))


def recovered(lake: Lake, table: SourceTable | EventTable) -> Position:
    """What the table and its quarantine hold, as one range for each partition."""
    found = [*_ranges(lake, table.key, _OWN), *_ranges(lake, table.quarantine, _OWN)]
    if isinstance(table, EventTable):
        found += _ranges(lake, table.key, _LOSERS)
    order = _order(lake, table)
    merged: dict[tuple[str, int], Slice] = {}
    for part in found:
        known = merged.get((part.topic_id, part.partition), part)
        start, end = min(part.start, known.start), max(part.end, known.end)
        merged[part.topic_id, part.partition] = Slice(part.topic_id, part.partition, start, end)
    return Position().advance(sorted(merged.values(), key=lambda part: (order.index(part.topic_id), part.partition)))


def _ranges(lake: Lake, key: str, coordinates: str) -> Iterator[Slice]:
    query = (
        'SELECT topic_id, "partition", min("offset") AS first, max("offset") AS last'
        f' FROM ({coordinates}) GROUP BY topic_id, "partition"'
    )
    for row in lake.query(key, query):
        yield Slice(row["topic_id"], row["partition"], row["first"], row["last"] + 1)


def _order(lake: Lake, table: SourceTable | EventTable) -> list[str]:
    """Topic ids, oldest first: by the time of their records in bronze."""
    source = table if isinstance(table, SourceTable) else table.source
    query = "SELECT topic_id, min(timestamp) AS since FROM t GROUP BY topic_id"
    found = [*lake.query(source.key, query), *lake.query(source.quarantine, query)]
    return [row["topic_id"] for row in sorted(found, key=lambda row: row["since"])]
