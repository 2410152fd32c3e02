"""Freshness follows from what a table says, and a table that says no prefix of what was sent has none."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.cases import WrongResultError
from benchmarks.harness.freshness import Watcher, freshness, prefixes
from benchmarks.harness.reading import Seen
from benchmarks.harness.records import Till

DAY = date(2017, 3, 1)


def seen_after(count: int, version: int = 0) -> Seen:
    """What a right table says after so many records, by a set."""
    sold = {each.number: each.cents for each in Till([DAY]).sell(count)}
    return Seen(version, len(sold), sum(sold.values()))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 120), min_size=1, max_size=8), st.integers(1, 5))
def test_each_record_is_as_fresh_as_the_first_version_that_has_it(cuts, every):
    """By plain search; batches of any sizes, repeated records among them."""
    ends = sorted({*cuts, 120})
    sales, sent = Till([DAY]).sell(120), [n / 10 for n in range(120)]
    steps = [(100.0 + at, seen_after(end, at)) for at, end in enumerate(ends)]
    new = [n for n in range(0, 120, every) if sales[n].number not in {each.number for each in sales[:n]}]
    expected = [next(100.0 + at for at, end in enumerate(ends) if end > n) - sent[n] for n in new]

    assert freshness(steps, sent, prefixes(sales), every) == pytest.approx(expected)


def test_a_sum_that_is_of_no_prefix_is_wrong():
    sales, seen = Till([DAY]).sell(10), seen_after(10)

    with pytest.raises(WrongResultError, match="no prefix"):
        freshness([(1.0, Seen(0, seen.lines, seen.cents + 1))], [0.0] * 10, prefixes(sales))


def test_a_record_that_never_comes_is_wrong():
    with pytest.raises(WrongResultError, match="never seen"):
        freshness([(1.0, seen_after(9))], [0.0] * 10, prefixes(Till([DAY]).sell(10)))


def test_what_lay_in_the_day_before_is_taken_off():
    sales, seen = Till([DAY]).sell(10), seen_after(10)
    there = Seen(0, seen.lines + 5, seen.cents + 500)

    assert freshness([(2.0, there)], [1.0] * 10, prefixes(sales, 5, 500)) == [1.0] * 10


class Told:
    """A table that goes through versions, one at each look."""

    def __init__(self, *counts: int) -> None:
        self.left = [seen_after(count, version) for version, count in enumerate(counts)]

    def version(self) -> int:
        return self.left[0].version

    def seen(self, days=()) -> Seen:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


def test_a_watcher_waits_for_the_slowest_table():
    with Watcher({"one": Told(3, 10), "other": Told(3, 5, 7, 10)}, [DAY]) as watcher:
        at = watcher.until(lambda seen: seen.lines == 10, 20)

    assert at == watcher.steps["other"][-1][0]
    assert [seen.version for _, seen in watcher.steps["other"]] == [0, 1, 2, 3]


def test_nobody_waits_for_a_contender_that_has_ended():
    def check() -> None:
        raise WrongResultError("it has ended")

    with Watcher({"one": Told(3)}, [DAY]) as watcher, pytest.raises(WrongResultError, match="has ended"):
        watcher.until(lambda seen: seen.lines == 10, 20, check)


def test_what_does_not_come_in_time_is_wrong():
    with Watcher({"one": Told(3)}, [DAY]) as watcher, pytest.raises(WrongResultError, match="not there after"):
        watcher.until(lambda seen: seen.lines == 10, 0.3)
