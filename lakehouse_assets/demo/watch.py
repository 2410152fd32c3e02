"""Waits until every table has caught up, while the sensor in the Dagster daemon starts the runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from lakehouse_assets.demo.dagster_runs import FailedRun
from lakehouse_assets.errors import LakehouseError, ServiceError, UnavailableError

POLL_SECONDS: Final = 0.5
MAX_FAILED_RUNS: Final = 4
"""So many failed runs without any progress between them end the wait."""
STALL_SECONDS: Final = 300.0
"""Without any progress for so long, the wait ends."""


class Progress(Protocol):
    """How far one table is behind its topic."""

    @property
    def key(self) -> str:
        """The asset, `layer/domain/table`."""

    @property
    def lag(self) -> int:
        """Offsets still to take in."""


Snapshot = Callable[[], Sequence[Progress]]
Show = Callable[[Sequence[Progress]], None]


class Runs(Protocol):
    """Where failed runs are asked for."""

    def failed(self) -> list[FailedRun]:
        """Runs that failed since the demo began."""

    def reason(self, run: FailedRun) -> str:
        """Why one failed."""


@dataclass
class Watch:
    """One wait; `seconds` says for each table after how long it had caught up."""

    snapshot: Snapshot
    runs: Runs
    show: Show
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    seconds: dict[str, float] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    _unmoved: list[FailedRun] = field(default_factory=list)

    def until_caught_up(self, begun: float) -> Mapping[str, float]:
        """Wait; seconds count from `begun` on the same clock.

        Raises:
            ServiceError: runs fail again and again, or nothing moves any more.
        """
        moved, last, trouble = self.clock(), -1, ""
        while True:
            try:
                tables = self.snapshot()
            except UnavailableError as error:
                tables, trouble = [], str(error)
            if tables:
                self.show(tables)
                self._note(tables, self.clock() - begun)
                lag = sum(table.lag for table in tables)
                if lag == 0:
                    return self.seconds
                if lag != last:
                    moved, last, trouble = self.clock(), lag, ""
                    self._unmoved.clear()
            self._give_up_or_go_on(self.clock() - moved, trouble)
            self.sleep(POLL_SECONDS)

    def _note(self, tables: Sequence[Progress], seconds: float) -> None:
        for table in tables:
            if table.lag == 0:
                self.seconds.setdefault(table.key, round(seconds, 1))

    def _give_up_or_go_on(self, unmoved_seconds: float, trouble: str) -> None:
        new = [run for run in self.runs.failed() if run.run_id not in self._known]
        self._known |= {run.run_id for run in new}
        self._unmoved += new
        if len(self._unmoved) >= MAX_FAILED_RUNS:
            raise self._failure(f"{len(self._unmoved)} runs in a row failed", trouble)
        if unmoved_seconds > STALL_SECONDS:
            raise self._failure(f"no table moved for {STALL_SECONDS:.0f} s", trouble)

    def _failure(self, what: str, trouble: str) -> LakehouseError:
        why = self.runs.reason(self._unmoved[-1]) if self._unmoved else trouble
        return ServiceError(
            f"{what}; {why.rstrip('.') or 'no run failed, so look at the sensor'}",
            where="demo",
            do="Start it again with --keep and read the run and the sensor in the Dagster UI",
        )
