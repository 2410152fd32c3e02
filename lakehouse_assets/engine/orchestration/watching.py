"""The one sensor of all sources: it waits inside its tick until one of them has something to do.

Several times a second each source is glanced at; only one that has moved, whose run has ended or whose turn it is gets
a look that costs anything. What goes wrong with one source holds up no other: it is told where nothing else is to do,
and by the alerts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Final

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    JobDefinition,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from lakehouse_assets import stops
from lakehouse_assets.engine.flow import sources
from lakehouse_assets.engine.orchestration import complaints, in_flight, instances
from lakehouse_assets.engine.orchestration.sensors import Judgement, judge
from lakehouse_assets.engine.table import Table
from lakehouse_assets.redaction import shielded
from lakehouse_assets.settings import Settings, load

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable

NAME: Final = "watch_sources"
PASS_SECONDS: Final = 0.3
"""Time from one glance at all sources to the next."""
TICK_SECONDS: Final = 15.0
"""A tick ends after this long without anything to do, and after the other where it is to fail."""
FAILED_TICK_SECONDS: Final = 3.0
IN_TURN_SECONDS: Final = 15.0
"""A source that stands still is judged anew after this long."""
TURNS_SECONDS: Final = 1.0
"""Least time between two such judgements, of whatever sources."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 2.0
"""Between two looks at a source that waits for something else than itself."""
MOST_SAID: Final = 10

Judge = Callable[["SourceTable"], Judgement]
Busy = Callable[[], Mapping[tuple[str, str], str]]


@dataclass
class Seen:
    """What is known of one source; times are of the monotonic clock."""

    source: SourceTable
    glance: str = ""
    glanced_at: float = -inf
    judged: str = ""
    """The glance that the last judgement went by."""
    answers: bool = True
    next_at: float = -inf
    """When it is judged whatever the glance says."""
    pause: float = FIRST_PAUSE
    is_settled: bool = False
    said: str = ""
    error: Exception | None = None
    failures: int = 0
    """In a row."""

    @property
    def has_moved(self) -> bool:
        """Since it was found settled."""
        return self.is_settled and self.answers and self.glance != self.judged

    @property
    def may_wait(self) -> bool:
        """Whether nothing is known that a look would find."""
        return self.is_settled or not self.answers

    def look(self, settings: Settings, now: float) -> None:
        """Takes a glance, where one is due."""
        origin = self.source.reader(settings)
        if now - self.glanced_at < origin.glance_seconds:
            return
        try:
            self.glance, self.answers = origin.glance(), True
        except Exception as error:  # of this source alone: what is more than silence the judgement in its turn raises
            self.said, self.answers = complaints.in_words(error), False
        self.glanced_at = now

    def found(self, judgement: Judgement, now: float) -> None:
        """Notes what a look came to."""
        skipped = judgement.asked if isinstance(judgement.asked, SkipReason) else None
        self.said = (skipped.skip_message or "") if skipped else ""
        self.error, self.failures, self.is_settled = None, 0, judgement.is_settled
        self._wait(now, waits=skipped is not None and not judgement.is_settled)

    def failed(self, error: Exception, now: float) -> None:
        """Notes that a look failed."""
        self.said, self.error, self.is_settled = complaints.in_words(error), error, False
        self.failures += 1
        self._wait(now, waits=True)

    def _wait(self, now: float, *, waits: bool) -> None:
        self.judged = self.glance
        self.next_at = now + (self.pause if waits else IN_TURN_SECONDS if self.is_settled else 0.0)
        self.pause = min(2 * self.pause, LONGEST_PAUSE) if waits else FIRST_PAUSE


class Watch:
    """The eye on all sources of a project, for as long as its process lives."""

    def __init__(self, sources: Sequence[SourceTable]) -> None:
        self.seen = [Seen(each) for each in sources]
        self._last_turn = -inf

    def look(self, settings: Settings, judge: Judge, busy: Busy, now: float) -> list[RunRequest]:
        """One pass over all sources; the runs that it asks for.

        Args:
            settings: how to reach them.
            judge: what a look at one comes to; may raise.
            busy: the runs at work, by the tag of their source; asked once where it matters.
            now: monotonic seconds.
        """
        for seen in self.seen:
            seen.look(settings, now)
        due = [seen for seen in sorted(self.seen, key=lambda each: each.next_at) if self._is_due(seen, now)]
        runs = busy() if due else {}
        found = [self._judged(seen, judge, runs.get(seen.source.run_tag), now) for seen in due]
        return [asked for asked in found if asked is not None]

    @property
    def errors(self) -> dict[str, Exception]:
        """Of sources whose looks fail again and again, by key."""
        return {seen.source.key: seen.error for seen in self.seen if seen.error is not None and seen.failures > 1}

    @property
    def said(self) -> str:
        """Why nothing is done, for people."""
        said = [*dict.fromkeys(seen.said for seen in self.seen if seen.said)]
        more = [f"and {len(said) - MOST_SAID} more"] if len(said) > MOST_SAID else []
        return "; ".join((*said[:MOST_SAID], *more))

    def _is_due(self, seen: Seen, now: float) -> bool:
        if seen.has_moved:
            return True
        if now < seen.next_at or (seen.may_wait and now - self._last_turn < TURNS_SECONDS):
            return False
        self._last_turn = now if seen.may_wait else self._last_turn
        return True

    def _judged(self, seen: Seen, judge: Judge, run_id: str | None, now: float) -> RunRequest | None:
        if run_id is not None:
            seen.said = f"run {run_id[:8]} of {seen.source.origin} is in flight"
            seen.is_settled, seen.next_at = False, now
            return None
        try:
            judgement = judge(seen.source)
        except Exception as error:
            seen.failed(error, now)
            return None
        seen.found(judgement, now)
        return judgement.asked if isinstance(judgement.asked, RunRequest) else None


def source_watcher(tables: Sequence[Table], jobs: Mapping[str, JobDefinition]) -> SensorDefinition:
    """The sensor of all sources; running from the start.

    Args:
        tables: all of the project.
        jobs: what takes in a batch, by the key of the source's table.
    """
    watch = Watch(sources(tables))

    @sensor(
        name=NAME,
        jobs=[*jobs.values()],
        minimum_interval_seconds=load().sensor_interval_seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Starts a run when a source is ahead of its table: "
        + ", ".join(each.source.origin for each in watch.seen),
    )
    def watch_sources(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        with shielded():
            return wait(watch, instances.of(context), load(), tables)

    return watch_sources


def wait(
    watch: Watch, instance: DagsterInstance, settings: Settings, tables: Sequence[Table], seconds: float = TICK_SECONDS
) -> SensorResult | SkipReason:
    """Looks until there is something to do, for so long at most.

    Raises:
        LossError: records or rows of a source are gone, and nothing is to do for another one.
    """
    began, since = time.monotonic(), time.time()
    while True:
        if any(each >= since for each in stops.read(settings.home)):
            return SkipReason("the services are being stopped")
        asked = watch.look(
            settings,
            lambda source: judge(instance, settings, source, tables, datetime.now(UTC)),
            lambda: in_flight.by_tag(instance, [seen.source.run_tag for seen in watch.seen]),
            time.monotonic(),
        )
        complaints.note(settings, watch.errors)
        if asked:
            return SensorResult(run_requests=asked)
        if time.monotonic() - began > (FAILED_TICK_SECONDS if watch.errors else seconds):
            break
        time.sleep(PASS_SECONDS)
    for error in watch.errors.values():
        raise error
    return SkipReason(watch.said)
