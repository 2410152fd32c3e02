"""Which tables live on which, in the order in which rows flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakehouse_assets.engine.tables import DailyTable, EventTable, SourceTable, Table


def downstream(source: SourceTable, tables: Sequence[Table]) -> tuple[Table, ...]:
    """The tables that live on this source, nearest first."""
    events = [table for table in tables if isinstance(table, EventTable) and table.source == source]
    daily = [table for table in tables if isinstance(table, DailyTable) and table.source in events]
    return (*events, *daily)


def chain(source: SourceTable, tables: Sequence[Table]) -> Iterator[tuple[Table, Table]]:
    """(upstream, downstream) pairs of the pipeline."""
    for table in downstream(source, tables):
        assert isinstance(table, EventTable | DailyTable)
        yield table.source, table


def below(table: Table, tables: Sequence[Table]) -> tuple[Table, ...]:
    """Every table that lives on this one."""
    direct = [each for each in tables if isinstance(each, EventTable | DailyTable) and each.source == table]
    return tuple([*direct, *(further for each in direct for further in below(each, tables))])
