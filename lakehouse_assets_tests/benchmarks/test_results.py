"""Rounds go on where they were cut; results say what was measured, what was wrong and what is met."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from dataclasses import replace

import pytest

from benchmarks.__main__ import Asked, chosen
from benchmarks.harness import machine, report, results, rounds
from benchmarks.harness.cases import (
    OURS,
    SECONDS,
    Case,
    Goal,
    Limit,
    Measured,
    Ratio,
    Sample,
    Workload,
    WrongResultError,
)
from benchmarks.harness.scale import TINY
from benchmarks.harness.store import Store
from benchmarks.workloads import WORKLOADS

OTHER = "other"


class Cut(BaseException):
    """As when a process is ended."""


def made(measure) -> Workload:
    soon = Goal("W9", (Limit("median", "<=", 2.0), Limit("p95", "<=", 3.0)))
    ratio = Ratio("W9, times sooner", ("W9", OTHER), ("W9", OURS), Limit("median", ">=", 3.0))
    return Workload("W9", "A try", (Case("W9", (OURS, OTHER), measure),), (soon,), (ratio,))


def steady(contender: str, number: int) -> list[Measured]:
    return [Measured(SECONDS, [1.0 + number] if contender == OURS else [6.0 + number])]


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "samples.jsonl", "code")


def silent(_line: str) -> None:
    return


def test_contenders_take_turns():
    found = [(number, contender) for _, contender, number in rounds.pieces(made(steady), 3)]

    assert found == [(0, OURS), (0, OTHER), (1, OTHER), (1, OURS), (2, OURS), (2, OTHER)]


def test_what_is_long_in_itself_has_fewer_rounds():
    workload = made(steady)
    once = replace(workload, cases=(replace(workload.cases[0], most_rounds=1),))

    assert [(number, contender) for _, contender, number in rounds.pieces(once, 3)] == [(0, OURS), (0, OTHER)]


@pytest.mark.parametrize("cut_after", range(6))
def test_a_run_that_was_cut_goes_on_and_measures_nothing_twice(store, cut_after):
    """Wherever it was cut, also in the midst of writing a sample."""
    done: Counter[tuple[str, int]] = Counter()

    def measure(contender: str, number: int) -> list[Measured]:
        if sum(done.values()) == cut_after and not store.file.with_suffix(".cut").exists():
            store.file.with_suffix(".cut").touch()
            raise Cut
        done[contender, number] += 1
        return steady(contender, number)

    with pytest.raises(Cut):
        rounds.run(made(measure), 3, store, silent)
    if store.file.exists():
        store.file.open("a").write('{"code": "code", "at": "2026-01-0')
    assert rounds.run(made(measure), 3, store, silent) == []

    assert {*done.values()} == {1}
    assert len(done) == len(store.samples()) == 6


def test_samples_of_other_code_do_not_count(store):
    rounds.run(made(steady), 1, store, silent)

    assert replace(store, code="other").samples() == []
    assert len(store.samples()) == 2


def test_what_cannot_be_measured_is_told_and_tried_again(store):
    def broken(contender: str, number: int) -> list[Measured]:
        if contender == OTHER:
            raise OSError("no room")
        return steady(contender, number)

    [told] = rounds.run(made(broken), 1, store, silent)

    assert "no room" in told
    assert rounds.run(made(steady), 1, store, silent) == []
    assert len(store.samples()) == 2


def test_a_wrong_result_has_no_time(store):
    """Not even that of its other rounds; what is compared with it has no ratio."""

    def sometimes(contender: str, number: int) -> list[Measured]:
        if contender == OURS and number == 1:
            raise WrongResultError("a line too many")
        return steady(contender, number)

    rounds.run(made(sometimes), 3, store, silent)
    ours, other, ratio = results.entries([made(sometimes)], store.samples())

    assert (ours["samples"], ours["met"]) == ([], False)
    assert "a line too many" in ours["wrong"]
    assert other["samples"] == [6.0, 7.0, 8.0]
    assert (ratio["samples"], ratio["met"]) == ([], False)


def test_goals_and_ratios(store):
    rounds.run(made(steady), 3, store, silent)
    ours, other, ratio = results.entries([made(steady)], store.samples())

    assert (ours["median"], ours["met"]) == (2.0, True)
    assert ours["p95"] == pytest.approx(2.9)
    assert ours["goal"] == "median <= 2 s, p95 <= 3 s"
    assert other["met"] is None
    assert ratio["samples"] == [6.0, 3.5, pytest.approx(8 / 3, abs=1e-3)]
    assert (ratio["median"], ratio["met"]) == (statistics.median(ratio["samples"]), True)


def test_a_piece_that_tells_other_cases_only_is_done_all_the_same(store):
    def besides(_contender: str, _number: int) -> list[Measured]:
        return [Measured("MB", [1.0], case="W9 before"), Measured("MB", [1.5], case="W9 after")]

    rounds.run(made(besides), 1, store, silent)
    found = results.entries([made(besides)], store.samples())

    assert rounds.missing(made(besides), 1, store) == []
    assert {each["workload"] for each in found} == {"W9 before", "W9 after"}


def test_files_are_complete(store, tmp_path):
    rounds.run(made(steady), 2, store, silent)
    found, about = results.entries([made(steady)], store.samples()), machine.about(TINY, "code", store.began())
    written = json.loads(results.write(tmp_path, found, about).read_text())
    page = report.write(tmp_path, [made(steady)], found, about).read_text()

    wanted = {"workload", "contender", "samples", "median", "p95", "unit", "goal", "met", "about"}
    assert all(wanted <= each.keys() for each in written)
    assert {"machine", "versions", "settings", "date"} <= written[0]["about"].keys()
    assert "| W9 | ours | 1.50 | 1.95 | s | 2 | median <= 2 s, p95 <= 3 s | yes |" in page
    assert (tmp_path / "w9.svg").read_text().count("<svg") == 1


def test_every_goal_is_of_a_case_that_is_measured():
    """A name that was mistyped would be a goal that nobody looks at."""
    told = {
        "W2 many sources: pages",
        "W8 memory at rest",
        "W8 memory after some batches",
        "W8 memory after many batches",
    }
    for make in WORKLOADS.values():
        workload = make(TINY)
        cases = {each.name for each in workload.cases}
        sides = [side[0] for ratio in workload.ratios for side in (ratio.of, ratio.to)]
        assert {*sides, *(goal.case for goal in workload.goals)} <= cases | told


def test_what_is_asked_for_is_run():
    asked = Asked.of({"BENCH": "W1, W2", "BENCH_SCALE": "tiny", "BENCH_CONTENDERS": "ours"})

    assert (asked.names, asked.sizes, asked.rounds) == (["W1", "W2"], TINY, 1)
    assert {c for case in chosen(WORKLOADS["W2"](TINY), asked).cases for c in case.contenders} == {OURS}
    one = Asked.of({"BENCH_CASES": "W2 large day"})
    assert [case.name for make in WORKLOADS.values() for case in chosen(make(TINY), one).cases] == ["W2 large day"]
    with pytest.raises(SystemExit, match="W11"):
        Asked.of({"BENCH": "W11"})


def test_the_mark_of_a_done_piece_is_no_result():
    empty = [Sample("W9", OURS, 0, "", ())]

    assert results.entries([made(steady)], empty) == []
