"""Tables side by side: those of which none is made from another, each in a thread and a Spark session of its own.

For small batches alone: what they wait for is round trips, not the machine. A session's views and settings are what a
writer works with, so that no two tables may share one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Final, TypeVar

from lakehouse_assets.engine import sessions
from lakehouse_assets.engine.writing.engine import Engine

MOST: Final = 4
Result = TypeVar("Result")


class Siblings:
    """Engines beside the one of a run: they see the same lake."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._twins: list[Engine] = []

    def each(self, tasks: Sequence[Callable[[Engine], Result]], *, together: bool) -> list[Result]:
        """What each task comes to, in their order; one after the other in the run's session unless `together`.

        A task may raise nothing but what ends the run.
        """
        if not together or len(tasks) < 2:
            return [task(self._engine) for task in tasks]
        engines = self._engines(min(len(tasks), MOST))
        with ThreadPoolExecutor(len(engines)) as threads:
            futures = [
                threads.submit(_in_turn, engine, tasks[first :: len(engines)]) for first, engine in enumerate(engines)
            ]
            self._wait(futures)
        found = [future.result() for future in futures]
        return [found[number % len(engines)][number // len(engines)] for number in range(len(tasks))]

    def end(self) -> None:
        """Closes their sessions."""
        for twin in self._twins:
            twin.spark.stop()
        self._twins.clear()

    def _engines(self, count: int) -> list[Engine]:
        while len(self._twins) < count - 1:
            self._twins.append(replace(self._engine, spark=sessions.twin(self._engine.spark)))
        return [self._engine, *self._twins[: count - 1]]

    def _wait(self, futures: Sequence[Future[list[Result]]]) -> None:
        """Where the run is interrupted meanwhile, so is what Spark does for each of them."""
        try:
            wait(futures)
        except BaseException:
            for engine in (self._engine, *self._twins):
                engine.spark.interruptAll()
            raise


def _in_turn(engine: Engine, tasks: Sequence[Callable[[Engine], Result]]) -> list[Result]:
    sessions.activate_here(engine.spark)
    return [task(engine) for task in tasks]
