"""Which source records are in a version of a table: exact offset ranges, from its ledger."""

from __future__ import annotations

from lakehouse_assets.engine.lake import Lake
from lakehouse_assets.engine.ledger import Ledger
from lakehouse_assets.engine.position import Position
from lakehouse_assets.errors import LakehouseError


def ledger_at(lake: Lake, key: str, version: int | None = None) -> Ledger:
    """The ledger as of a version.

    Raises:
        LakehouseError: there is no such table or version, or its history states no position.
    """
    newest = lake.version(key)
    if newest < 0:
        raise LakehouseError("there is no such table", where=key, do="Give a key like gold/sales/daily_revenue")
    if version is not None and not 0 <= version <= newest:
        raise LakehouseError(f"there is no version {version}", where=key, do=f"Give one from 0 to {newest}")
    return lake.ledger(key, version)


def position_table(position: Position) -> str:
    """A Markdown table: topic id, partition, first and last offset, records."""
    lines = ["| topic id | partition | from | to | offsets |", "|---|---|---|---|---|"]
    lines += [
        f"| {part.topic_id} | {part.partition} | {part.start} | {part.end - 1} | {len(part)} |"
        for part in position.slices()
        if len(part)
    ]
    return "\n".join(lines)
