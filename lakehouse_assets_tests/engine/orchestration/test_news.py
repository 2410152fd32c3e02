"""What is told of commits, and when: each day, each failure, each change, and never so much that a batch waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import AssetCheckEvaluation, AssetKey, AssetMaterialization, DagsterInstance
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.orchestration import news
from lakehouse_assets.engine.orchestration.news import SLICE_SECONDS, VERDICTS_APART_SECONDS, Done, News
from lakehouse_assets.engine.writing.audits import Audit
from lakehouse_assets.engine.writing.publication import Publication

EVENT_SECONDS = 0.009
"""What Dagster takes to store one."""
INTERVAL_SECONDS = 5.0


@pytest.fixture(scope="module")
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


def committed(key: str, days: list[str], version: int = 1, broken: int = 0) -> Done:
    table: Any = SimpleNamespace(key=key)
    statement = Statement("increment", "run", days=tuple(days))
    audit = Audit(broken={"day": {"readable": broken}} if broken else {})
    made = Publication(table, "append", None, statement, None, audit=audit)  # type: ignore[arg-type]
    return Done(made, SimpleNamespace(version=version), 0.1)  # type: ignore[arg-type]


def verdicts(table, audit: Audit) -> list[AssetCheckEvaluation]:
    return [AssetCheckEvaluation(asset_key=AssetKey(table.key), check_name="readable", passed=not audit.broken)]


@dataclass
class Reader:
    """Who is told, by a clock that telling moves."""

    instance: DagsterInstance
    now: float = 0.0
    told: list[tuple[str, str, int]] = field(default_factory=list)
    """Table, day and version, or verdict and 0."""
    looked: list[str] = field(default_factory=list)
    """The tables whose previews and plots were made."""

    def log_event(self, event: AssetMaterialization) -> None:
        self.now += EVENT_SECONDS
        self.told.append((event.asset_key.to_user_string(), str(event.partition), event.metadata["version"].value))

    def hear(self, said: Iterator[AssetCheckEvaluation]) -> None:
        for each in said:
            self.told.append((each.asset_key.to_user_string(), "passes" if each.passed else "fails", 0))

    def days(self, key: str) -> dict[str, int]:
        """The newest version that was told, by day."""
        return {day: version for each, day, version in self.told if each == key and version}

    def verdict(self, key: str) -> str:
        return next((said for each, said, version in reversed(self.told) if each == key and not version), "")


def _day_events(found, once) -> Iterator[AssetMaterialization]:
    for day in found.publication.statement.days:
        yield AssetMaterialization(
            found.publication.table.key, partition=day, metadata={"version": found.commit.version}
        )


@contextmanager
def told_to(reader: Reader) -> Iterator[None]:
    told = SimpleNamespace(
        Report=None,
        report=lambda _, publication, commit, *__: SimpleNamespace(publication=publication, commit=commit),
        events=_day_events,
        quarantine_events=lambda _: (),
        run_metadata=lambda found, *_: reader.looked.append(found.publication.table.key) or {},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(news, "time", SimpleNamespace(monotonic=lambda: reader.now))
        patch.setattr(news, "metadata", told)
        patch.setattr(news.checks, "evaluations", verdicts)
        news._TOLD.clear()
        yield


def run_of(reader: Reader) -> News:
    context = SimpleNamespace(instance=reader.instance, log_event=reader.log_event, log=SimpleNamespace(warning=print))
    engine: Any = SimpleNamespace(lake=None, spark=None)
    return News(context, engine, INTERVAL_SECONDS, began=reader.now, told_at=reader.now)  # type: ignore[arg-type]


def test_a_batch_over_years_is_told_a_slice_at_a_time(instance):
    """The days that came first come first, each once, the verdict after them; no slice is longer than it may be."""
    reader, days = Reader(instance), [f"{number:04d}" for number in range(490)]
    with told_to(reader):
        run = run_of(reader)
        run.add(committed("t", days))
        reader.now += INTERVAL_SECONDS
        slices = 0
        while run.left:
            began, slices = reader.now, slices + 1
            reader.hear(run.due())
            assert reader.now - began <= SLICE_SECONDS + EVENT_SECONDS

    assert slices >= 490 * EVENT_SECONDS / (SLICE_SECONDS + EVENT_SECONDS)
    assert reader.told == [*(("t", day, 1) for day in days), ("t", "passes", 0)]


def test_what_is_left_at_the_end_of_a_run_is_told_whole(instance):
    reader = Reader(instance)
    with told_to(reader):
        run = run_of(reader)
        run.add(committed("t", [f"{number:04d}" for number in range(200)]))
        reader.hear(run.last())
    assert (len(reader.days("t")), reader.verdict("t"), run.left) == (200, "passes", False)


def test_a_run_that_must_end_tells_for_a_while_and_then_only_verdicts(instance):
    """Those of every table, a failure among them: days that are left out are the reconciler's."""
    reader, numbers = Reader(instance), range(1_000)
    with told_to(reader):
        run = run_of(reader)
        run.add(committed("a", [f"{number:04d}" for number in numbers], broken=3))
        run.add(committed("b", ["0001"]))
        reader.hear(run.last(5.0))
    assert 5.0 / EVENT_SECONDS <= len(reader.days("a")) < 1_000
    assert reader.now <= 5.0 + SLICE_SECONDS + EVENT_SECONDS
    assert (reader.verdict("a"), reader.verdict("b"), run.left) == ("fails", "passes", False)


def test_a_run_that_is_cancelled_tells_its_days_and_looks_at_nothing(instance):
    """Neither at what is in hand nor at what came since: a look is a question to Spark."""
    reader, numbers = Reader(instance), range(200)
    with told_to(reader):
        run = run_of(reader)
        for key in "ab":
            run.add(committed(key, [f"{number:04d}" for number in numbers]))
        reader.hear(run.at_leisure())
        looked = [*reader.looked]
        run.add(committed("c", ["0001"]))
        run.log()
    assert (reader.looked, reader.verdict("a"), run.left) == (looked, "", False)
    assert [len(reader.days(key)) for key in "abc"] == [200, 200, 1]


DAYS = st.lists(st.sampled_from([f"{number:03d}" for number in range(120)]), min_size=1, max_size=120, unique=True)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commits"), st.sampled_from("ab"), DAYS, st.sampled_from([0, 0, 3])),
        st.tuples(st.just("refuses"), st.sampled_from("ab")),
        st.tuples(st.just("due"), st.floats(0, 12)),
        st.just(("at leisure",)),
    ),
    max_size=25,
)


@given(STEPS)
def test_each_day_is_told_in_its_newest_version_and_no_verdict_is_older_than_a_refusal(instance, steps):
    reader, newest = Reader(instance), {"a": {}, "b": {}}
    must = {"a": "", "b": ""}
    with told_to(reader):
        run = run_of(reader)
        for version, (what, *given_) in enumerate(steps, 1):
            if what == "commits":
                key, days, broken = given_
                run.add(committed(key, days, version, broken))
                newest[key] |= dict.fromkeys(days, version)
                must[key] = "any"
            elif what == "refuses":
                [key] = given_
                run.refused(key)
                reader.told.append((key, "fails", 0))
                must[key] = "fails"
            elif what == "due":
                reader.now += given_[0]
                reader.hear(run.due())
            else:
                reader.hear(run.at_leisure())
            assert all(reader.verdict(key) == "fails" for key in "ab" if must[key] == "fails")
        reader.hear(run.last())

    for key in "ab":
        told = reader.days(key)
        assert told.keys() == newest[key].keys()
        assert all(told[day] >= version for day, version in newest[key].items())
        assert must[key] != "fails" or reader.verdict(key) == "fails"


SEQUENCES = st.lists(st.tuples(st.sampled_from(["passes", "fails", "refused", "another run"]), st.floats(0, 90)))


@given(SEQUENCES)
def test_who_reads_the_newest_verdict_is_never_wrong_and_seldom_told_the_same(instance, steps):
    """Whatever a run that is over has told counts for the next one of this process."""
    reader, shown, told_at = Reader(instance), "", 0.0
    with told_to(reader):
        run = run_of(reader)
        for what, seconds in steps:
            reader.now += seconds
            if what == "another run":
                run = run_of(reader)
            elif what == "refused":
                shown = "fails"
                run.refused("t")
            else:
                before = len(reader.told)
                run.add(committed("t", [], broken=what == "fails"))
                reader.hear(run.at_leisure())
                stored = [said for _, said, __ in reader.told[before:]]
                must = shown != "passes" or what == "fails" or reader.now - told_at >= VERDICTS_APART_SECONDS
                assert stored == ([what] if must else [])
                shown, told_at = (what, reader.now) if stored else (shown, told_at)
                assert shown == what
