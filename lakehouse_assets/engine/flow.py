"""Which tables live on which, in the order in which rows flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lakehouse_assets.engine.table import Table

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable


def sources(tables: Sequence[Table]) -> tuple[SourceTable, ...]:
    """The source tables that these live on."""
    return tuple(dict.fromkeys(source for table in tables for source in table.sources))


def below(table: Table, tables: Sequence[Table]) -> tuple[Table, ...]:
    """Every table that lives on this one, nearest first: none before what it is made from."""
    return tuple(each for level in levels(table, tables) for each in level)


def levels(table: Table, tables: Sequence[Table]) -> tuple[tuple[Table, ...], ...]:
    """The same, those together of which none is made from another one."""
    found: list[tuple[Table, ...]] = []
    waiting = [each for each in tables if _lives_on(each, table)]
    while waiting:
        ready = tuple(each for each in waiting if not any(_lives_on(each, other) for other in waiting))
        found.append(ready)
        waiting = [each for each in waiting if each not in ready]
    return tuple(found)


def _lives_on(table: Table, other: Table) -> bool:
    return any(each == other or _lives_on(each, other) for each in table.upstreams)
