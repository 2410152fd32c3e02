"""The protocol between a table, its quarantine and their writers, in plain Python: any order, any death, any code.

It shows that the design holds (docs/decisions/0021); `test_two_machines.py` shows it of the engine, in fewer orders.
A model's steps are as fine as what the engine does at once: one look at a log, or one commit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, combinations_with_replacement
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

TOTAL = 8
ENOUGH_STEPS = 60
Rows = frozenset[int]
Work = Iterator[None]


@dataclass(frozen=True)
class Table:
    """A table's rows and what its log says."""

    rows: Rows
    position: int
    transaction: int = 0
    position_transaction: int = 0
    quarantine_transaction: int = 0


@dataclass(frozen=True)
class Quarantine:
    """A quarantine's rows and its newest statement."""

    rows: Rows
    reached: int
    transaction: int = 0
    ahead_of: int | None = None
    is_open: bool = False


class LostError(Exception):
    """Another writer came first."""


@dataclass
class World:
    """A table and its quarantine."""

    table: Table
    quarantine: Quarantine

    def settle(self, transaction: int) -> None:
        """Takes out of the quarantine what the table holds, as this transaction of it, or does nothing."""
        if transaction == self.quarantine.transaction + 1:
            left = self.quarantine.rows - self.table.rows
            self.quarantine = Quarantine(left, self.quarantine.reached, transaction)

    def set_aside(self, planned: Quarantine, taken_out: Rows, bad: Rows, **said: object) -> None:
        if self.quarantine.transaction != planned.transaction:
            raise LostError
        rows, number = (self.quarantine.rows - taken_out) | bad, planned.transaction + 1
        self.quarantine = replace(self.quarantine, rows=rows, transaction=number, **said)

    def commit(self, planned: Table, rows: Callable[[Rows], Rows], **said: int) -> None:
        if self.table.transaction != planned.transaction:
            raise LostError
        self.table = replace(self.table, rows=rows(self.table.rows), transaction=planned.transaction + 1, **said)


def settled(world: World) -> Generator[None, None, tuple[Table, Quarantine]]:
    """As `settled_ledger`; returns what it has read."""
    while True:
        quarantine = world.quarantine
        yield
        table = world.table
        yield
        ahead_of = quarantine.ahead_of
        if ahead_of is not None and table.transaction < ahead_of:
            known = world.table.transaction
            yield
            if world.table.transaction == known:
                world.table = replace(world.table, transaction=max(ahead_of, known + 1))
        elif quarantine.is_open or _is_overtaken(table, quarantine):
            world.settle(quarantine.transaction + 1)
        else:
            return table, quarantine
        yield


def _is_overtaken(table: Table, quarantine: Quarantine) -> bool:
    ahead_of, is_newer = quarantine.ahead_of, quarantine.transaction > table.quarantine_transaction
    return ahead_of is not None and is_newer and table.position_transaction >= ahead_of


def increment(world: World, bad: Rows, most: int) -> Work:
    table, quarantine = yield from settled(world)
    end = min(TOTAL, table.position + most)
    if end == table.position:
        return
    taken, leftovers = frozenset(range(table.position, end)), frozenset(range(table.position, world.quarantine.reached))
    aside, number = bool(taken & bad or leftovers), table.transaction + 1
    yield
    if aside:
        said = {"reached": end, "ahead_of": number, "is_open": False}
        world.set_aside(quarantine, taken | leftovers, taken & bad, **said)
        yield
    stated = {"position": end, "position_transaction": number}
    world.commit(
        table, lambda rows: rows | (taken - bad), **stated, quarantine_transaction=quarantine.transaction + aside
    )


def rebuild(world: World, bad: Rows, *, replays: bool = False) -> Work:
    table, quarantine = yield from settled(world)
    held = frozenset(range(table.position))
    had = world.quarantine.rows & held
    found = had if replays else held
    if replays and not had:
        return
    aside = bool(had or found & bad)
    yield
    if aside:
        world.set_aside(quarantine, frozenset(), found & bad, ahead_of=table.transaction + 1, is_open=True)
        yield
    known = quarantine.transaction + aside
    world.commit(table, lambda rows: (rows if replays else rows - held) | (found - bad), quarantine_transaction=known)
    yield
    if aside:
        world.settle(known + 1)


def replay(world: World, bad: Rows, _most: int) -> Work:
    return rebuild(world, bad, replays=True)


def run(world: World, works: list[Work], order: Sequence[int], dies: dict[int, int]) -> None:
    """Steps in this order and then whatever is left; a writer that `dies` ends after so many steps."""
    steps = dict.fromkeys(range(len(works)), 0)
    for who in [*order, *(each for each in steps for _ in range(ENOUGH_STEPS))]:
        if who >= len(works) or steps[who] >= dies.get(who, ENOUGH_STEPS):
            continue
        steps[who] = steps[who] + 1 if advances(works[who]) else ENOUGH_STEPS
        missing = {*range(world.table.position)} - world.table.rows - world.quarantine.rows
        assert not missing, "in neither, though only for a moment"


def advances(work: Work) -> bool:
    try:
        next(work)
    except (StopIteration, LostError):
        return False
    return True


def redo(world: World, bad: Rows, _most: int) -> Work:
    return rebuild(world, bad)


GOOD, BAD, OTHER = frozenset[int](), frozenset({1, 4, 6}), frozenset({0, 5, 6})
WORKS = [
    (make, code, most)
    for make, most in ((increment, 1), (increment, 9), (redo, 0), (replay, 0))
    for code in (GOOD, BAD)
]
STEPS = 6
"""Of a writer that nobody disturbs."""


def check(works: Sequence[tuple[Any, Rows, int]], order: Sequence[int], dies: dict[int, int], start: int) -> None:
    """Everyone works and the next batches take the rest: every record then is in one place."""
    held = frozenset(range(start))
    world = World(Table(held - OTHER, start), Quarantine(held & OTHER, start))
    run(world, [make(world, code, most) for make, code, most in works], order, dies)
    while world.table.position < TOTAL:
        run(world, [increment(world, BAD, 2)], [], {})
    run(world, [settled(world)], [], {})
    assert sorted([*world.table.rows, *world.quarantine.rows]) == [*range(TOTAL)], (works, order, dies, start)


@pytest.mark.parametrize("start", [0, 5])
def test_two_writers_in_every_order(start):
    """Of whatever code; a record is never in neither, and in both only until the next one plans."""
    for works in combinations_with_replacement(WORKS, 2):
        for mine in combinations(range(2 * STEPS), STEPS):
            check(works, [int(at in mine) for at in range(2 * STEPS)], {}, start)


@settings(max_examples=200)
@given(
    works=st.lists(st.sampled_from(WORKS), min_size=2, max_size=3),
    turns=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), max_size=12),
    dies=st.dictionaries(st.integers(0, 2), st.integers(3, 7), max_size=2),
    start=st.sampled_from([0, 5]),
)
def test_three_writers_that_die_at_any_step(works, turns, dies, start):
    """Whoever comes next finishes what they left open."""
    check(works, [who for who, steps in turns for _ in range(steps)], dies, start)
