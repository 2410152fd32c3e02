"""Of a long position, what the rows of some days can come from: a condition names no more files than it needs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.position import Position, Slice

MOST_NAMED: Final = 1_000
"""Topic ids of a position that is named in whole; 100,000 in one condition are more than delta-rs's SQL takes."""


def held_on(lake: Lake, position: Position, where: str, keys: Collection[str]) -> tuple[Slice, ...]:
    """The slices of a position that rows of these tables on these days lie in; every slice of a short one.

    What is in the position is in the tables already, so it does not matter what is written to them meanwhile.
    """
    if len(position) <= MOST_NAMED:
        return tuple(position.slices())
    query = f"SELECT DISTINCT topic_id FROM t WHERE {where}"
    found = {row["topic_id"] for key in keys for row in lake.query(key, query)}
    held = {topic_id: parts for topic_id, parts in position.epochs.items() if topic_id in found}
    return tuple(Position(held).slices())
