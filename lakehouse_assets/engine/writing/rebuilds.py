"""Rebuilds: the rows of some days computed anew from the layer below, no further than the table's own position.

A rebuild of many days works through them in pieces. Each piece is one commit, planned when its turn comes, so that
increments of live data go on in between and a killed rebuild keeps what it has done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final

from lakehouse_assets.engine.grids import Partition, ordered
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger, Statement
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.audits import Audit, together
from lakehouse_assets.engine.writing.engine import Engine
from lakehouse_assets.engine.writing.publication import Publication, in_turn
from lakehouse_assets.engine.writing.verdicts import fatal, refuse_broken

NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
Plan = Callable[[Sequence[Partition], list[Audit]], Publication | None]
"""What to publish of some days, None when every one is refused; adds their audit to the list."""


@dataclass(frozen=True)
class Rebuild:
    """The days asked for, and what is left of them to publish, piece by piece."""

    table: Table
    days: tuple[Partition, ...]
    done: frozenset[Partition]
    """Days that an earlier try of the same run has committed."""
    pieces: tuple[tuple[Partition, ...], ...]
    plan: Plan
    lake: Lake
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
            planned = in_turn(self.lake, self.table, partial(self._plan, days, len(self.audits)))
            if planned is not None:
                yield planned
        refuse_broken(self.table, together(self.audits), self.accepted)

    def _plan(self, days: Sequence[Partition], known: int) -> Publication | None:
        """A piece that is planned anew is audited anew."""
        del self.audits[known:]
        return self.plan(days, self.audits)


def in_pieces(
    engine: Engine,
    table: Table,
    days: Sequence[Partition],
    tries: Collection[str],
    plan: Plan,
) -> Rebuild:
    """A rebuild of some partitions, without those done before, cut by how many rows above they are computed from."""
    done = committed_days(engine.lake, table, {engine.run_id, *tries})
    left = [day for day in days if day not in done]
    sizes = rows_needed(engine.lake, table, left)
    pieces = tuple(pieces_of(left, sizes, engine.settings.max_rows_per_piece))
    accepted = engine.lake.ledger(table.key).accepted_rules
    return Rebuild(table, tuple(days), done & {*days}, pieces, plan, engine.lake, accepted)


def rows_needed(lake: Lake, table: Table, days: Sequence[Partition]) -> dict[Partition, int]:
    """About how many rows above a table each partition of it is computed from."""
    held = [(each, lake.rows_by_day(each.table.key)) for each in table.lives_on if not each.is_read_whole]
    found = dict.fromkeys(days, 0)
    for each, rows in held:
        for part, count in rows.items():
            for day in each.touched(table.grid, part, days):
                if day in found:
                    found[day] += count
    return found


def pieces_of(days: Sequence[Partition], sizes: Mapping[Partition, int], most: int) -> Iterator[tuple[Partition, ...]]:
    """Days in order, cut so that a piece holds at most `most` rows of the source, or one day."""
    piece: list[Partition] = []
    rows = 0
    for day in ordered(days):
        if piece and rows + sizes.get(day, 0) > most:
            yield tuple(piece)
            piece, rows = [], 0
        piece.append(day)
        rows += sizes.get(day, 0)
    if piece:
        yield tuple(piece)


def committed_days(lake: Lake, table: Table, run_ids: Collection[str]) -> frozenset[Partition]:
    """Days that these runs have rebuilt with today's code since the table's newest other rebuild."""
    done: set[Partition] = set()
    for commit in lake.commits(table.key):
        statement = commit.statement
        if statement is None or statement.kind == "acceptance":
            continue
        if statement.kind == "rebuild" and statement.run_id in run_ids and statement.code == table.code_version:
            done.update(statement.days)
        elif statement.kind == "rebuild":
            break
    return frozenset(done)


def passed_days(table: Table, counted: Audit, days: Sequence[Partition], ledger: Ledger) -> tuple[Partition, ...]:
    """Those of the days that break no fatal rule."""
    refused = counted.breaks(fatal(table, ledger.accepted_rules))
    return tuple(day for day in days if day not in refused)


def rebuild_statement(
    engine: Engine, table: Table, days: Sequence[Partition], versions: Mapping[str, int] = NOTHING
) -> Statement:
    """What a rebuild of some partitions says, and from which versions of other tables they were computed."""
    return Statement(
        "rebuild",
        engine.run_id,
        tuple(days),
        contract=table.contract_version,
        code=table.code_version,
        versions=versions,
    )
