"""The wait for the tables, by situation, without services."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from lakehouse_assets.demo import watch
from lakehouse_assets.demo.dagster_runs import FailedRun
from lakehouse_assets.errors import ServiceError, UnavailableError


@dataclass(frozen=True)
class Table:
    key: str
    lag: int


@dataclass
class Runs:
    failures: list[FailedRun] = field(default_factory=list)

    def failed(self) -> list[FailedRun]:
        return self.failures

    def reason(self, run: FailedRun) -> str:
        return f"run {run.run_id} met a wall"


@dataclass
class Clock:
    now: float = 0.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def waiting(lags: Iterator[int], runs: Runs, shown: list[int]) -> watch.Watch:
    clock = Clock()

    def snapshot() -> Sequence[watch.Progress]:
        return [Table("bronze/a/b", lag) for lag in [next(lags)]]

    return watch.Watch(snapshot, runs, lambda t: shown.append(t[0].lag), clock.read, clock.sleep)


def forever(lag: int) -> Iterator[int]:
    while True:
        yield lag


def test_it_ends_when_every_table_has_caught_up() -> None:
    shown: list[int] = []
    seconds = waiting(iter([30, 10, 10, 0]), Runs(), shown).until_caught_up(0.0)
    assert shown == [30, 10, 10, 0]
    assert seconds == {"bronze/a/b": 3 * watch.POLL_SECONDS}


def test_one_failed_run_that_a_retry_mends_does_not_end_it() -> None:
    waiting(iter([30, 30, 0]), Runs([FailedRun("1", "job")]), []).until_caught_up(0.0)


def test_runs_that_fail_again_and_again_end_it_with_the_reason() -> None:
    failures = [FailedRun(str(number), "job") for number in range(watch.MAX_FAILED_RUNS)]
    with pytest.raises(ServiceError, match="4 runs in a row failed; run 3 met a wall"):
        waiting(forever(30), Runs(failures), []).until_caught_up(0.0)


def test_a_standstill_ends_it() -> None:
    with pytest.raises(ServiceError, match="no table moved for 300 s"):
        waiting(forever(30), Runs(), []).until_caught_up(0.0)


def test_a_broker_that_is_away_for_a_moment_is_waited_for() -> None:
    answers = iter([UnavailableError("away", where="Kafka", do="Wait"), None])
    clock = Clock()

    def snapshot() -> Sequence[watch.Progress]:
        if error := next(answers):
            raise error
        return [Table("bronze/a/b", 0)]

    watch.Watch(snapshot, Runs(), lambda _: None, clock.read, clock.sleep).until_caught_up(0.0)
