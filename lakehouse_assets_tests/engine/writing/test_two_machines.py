"""Two writers of one table that no turn keeps apart: whoever loses takes nothing out of the winner's quarantine.

Each writer works in steps: it plans, writes the quarantine, then the table, then tidies. The steps of two writers are
interleaved in every way, and after each an independent reader counts: every record sent has exactly one place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, ClassVar

import pytest

from lakehouse_assets.engine.kinds import EventTable
from lakehouse_assets.engine.rules import RowRule
from lakehouse_assets.engine.spark import activate
from lakehouse_assets.engine.writing import publication
from lakehouse_assets.engine.writing.engine import LATER, settled_ledger
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.errors import SupersededError
from lakehouse_assets.silver.sales_transactions import Transaction
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.engine.writing.test_replays import MARCH_1

pytestmark = pytest.mark.services

DAYS = (MARCH_1,)
STEPS = ("_set_aside", "_write", "_close")
WAIT_SECONDS = 240.0


class Few(Transaction):
    """A model of one machine's code."""

    class Config:
        """Over the row."""

        metadata: ClassVar = {"rules": (RowRule("few units", "Quantity < 10"),)}


class Many(Transaction):
    """A model of the other machine's code."""

    class Config:
        """Over the row."""

        metadata: ClassVar = {"rules": (RowRule("many units", "Quantity > 5"),)}


@dataclass
class Writer:
    """Plans and publishes once, in a thread of its own, one step whenever it is let."""

    lab: Lab
    plan: Callable[[], Publication | None]
    is_done: bool = False
    error: Exception | None = None
    committed: bool = False
    _go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _stopped: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _thread: threading.Thread | None = None

    def step(self) -> None:
        """Goes on to the next step, or to the end."""
        if self.is_done:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._go.release()
        assert self._stopped.acquire(timeout=WAIT_SECONDS)

    def finish(self) -> None:
        while not self.is_done:
            self.step()

    def pause(self) -> None:
        """Called in its own thread between two steps."""
        self._stopped.release()
        assert self._go.acquire(timeout=WAIT_SECONDS)

    def _run(self) -> None:
        WRITERS[threading.get_ident()] = self
        self._go.acquire()
        try:
            activate(self.lab.spark)
            self.committed = self.lab.publish(self.plan()) is not None
        except SupersededError:
            pass
        except Exception as error:
            self.error = error
        finally:
            self.is_done = True
            self._stopped.release()


WRITERS: dict[int, Writer] = {}


@pytest.fixture(autouse=True)
def stepwise(monkeypatch) -> None:
    """Every writer stops before each of its steps."""
    WRITERS.clear()
    for name in STEPS:
        if step := getattr(publication, name, None):
            monkeypatch.setattr(publication, name, stopping(step))
    monkeypatch.setattr("lakehouse_assets.engine.writing.settling.FINISH_SECONDS", 0.0)


def stopping(step: Callable[..., Any]) -> Callable[..., Any]:
    def stop(*given: Any) -> Any:
        if writer := WRITERS.get(threading.get_ident()):
            writer.pause()
        return step(*given)

    return stop


def interleave(first: Writer, second: Writer, turns: Sequence[int]) -> None:
    """`turns` says whose step is next, 0 or 1; whatever is left then ends."""
    for turn in turns:
        (first, second)[turn].step()
    first.finish()
    second.finish()
    assert (first.error, second.error) == (None, None)


def orders(steps: int) -> list[tuple[int, ...]]:
    """Every order of the steps of two writers."""
    every = range(2 * steps)
    return [tuple(0 if at in mine else 1 for at in every) for mine in combinations(every, steps)]


PARTS = 2
MANY = orders(4)[::3]
"""A third of the seventy, evenly spread."""


def refining(lab: Lab, table: EventTable, most: int = 250_000) -> Writer:
    engine = replace(lab.engine(), settings=lab.settings.model_copy(update={"max_records_per_batch": most}))
    return Writer(lab, lambda: table.increment(engine, LATER))


def redoing(lab: Lab, table: EventTable) -> Writer:
    def plan() -> Publication | None:
        rebuild = table.rebuild(lab.engine(), DAYS)
        return rebuild.plan(DAYS, [])

    return Writer(lab, plan)


def replaying(lab: Lab, table: EventTable) -> Writer:
    return Writer(lab, lambda: table.replay(lab.engine(), DAYS).plan(DAYS, []))


@pytest.mark.slow
def test_a_loser_with_a_shorter_batch_leaves_the_winners_quarantine_alone(lab: Lab):
    """It took the winner's rows, written and not yet committed, for those of a dead run."""
    lab.send(*map(sale, range(5)), b"never readable").land()
    winner, loser = refining(lab, lab.silver), refining(lab, lab.silver, most=3)

    interleave(winner, loser, (0, 0, 1, 0, 1, 1))

    lab.ingest()
    assert lab.assert_stock().quarantined == {(lab.state().topic_id, 0, 5)}


@pytest.mark.slow
def test_a_rebuild_that_dies_or_comes_too_late_leaves_no_row_in_both(lab: Lab):
    """Its days had nothing in quarantine before: what it set aside ahead of the table is open all the same."""
    lab.send(sale(0, Quantity=20)).ingest()
    dead = redoing(lab, replace(lab.silver, schema=Few))
    dead.step()
    dead.step()
    assert lab.coordinates(lab.silver.quarantine) == lab.coordinates(lab.silver.key) == [(0, 0)]

    lab.send(sale(1)).ingest()

    assert lab.assert_stock().told == 2
    dead.finish()
    assert (dead.committed, dead.error) == (False, None)
    assert lab.coordinates(lab.silver.quarantine) == []


@pytest.mark.slow
@pytest.mark.parametrize("most", [2, 250_000])
def test_two_increments_of_other_code_in_every_order(lab: Lab, most: int):
    """Their verdicts differ, and so may their ends."""
    few, many = (replace(lab.silver, schema=schema) for schema in (Few, Many))
    lab.send(sale(0, Quantity=7)).ingest()
    for number, order in enumerate(orders(3)):
        at = 10 + 10 * number
        lab.send(sale(at, Quantity=20), sale(at + 1, Quantity=1), sale(at + 2, Quantity=7), b"never").land()
        interleave(refining(lab, few), refining(lab, many, most), order)
        lab.assert_stock()
        lab.refine()
        assert lab.assert_stock().told == 1 + 4 * (number + 1), order


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("work", [redoing, replaying])
def test_a_rebuild_and_another_work_of_other_code_in_many_orders(lab: Lab, work, part: int):
    """What one sets aside the other publishes."""
    few, many = (replace(lab.silver, schema=schema) for schema in (Few, Many))
    lab.send(sale(0, Quantity=20), sale(1, Quantity=1), sale(2, Quantity=7), b"never", sale(4, Quantity=7)).ingest()
    for order in MANY[part::PARTS]:
        interleave(redoing(lab, few), work(lab, many), order)
        settled_ledger(lab.engine(), lab.silver)
        assert lab.assert_stock().told == 5, order


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_rebuild_and_an_increment_in_many_orders(lab: Lab, part: int):
    """The rebuild may find bad what is published, or publish what is set aside."""
    few, many = (replace(lab.silver, schema=schema) for schema in (Few, Many))
    lab.send(sale(0, Quantity=20), sale(1, Quantity=1), sale(2, Quantity=7)).ingest()
    for number, order in enumerate(MANY[part::PARTS]):
        at = 10 + 10 * number
        lab.send(sale(at, Quantity=20), sale(at + 1, Quantity=1)).land()
        interleave(redoing(lab, few if number % 2 else many), refining(lab, many), order)
        lab.refine()
        assert lab.assert_stock().told == 3 + 2 * (number + 1), order
