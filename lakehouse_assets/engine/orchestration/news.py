"""What a run tells Dagster of its commits: days that changed and verdicts, of many commits together, and rarely more.

A commit every second would be hundreds of thousands of events a day. What was committed and not told when a run dies
is told by the reconciler.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

from dagster import AssetCheckEvaluation, AssetMaterialization, DagsterInstance, OpExecutionContext

from lakehouse_assets.engine.display import metadata
from lakehouse_assets.engine.grids import Partition, ordered
from lakehouse_assets.engine.history.ledger import Commit
from lakehouse_assets.engine.orchestration import checks
from lakehouse_assets.engine.writing.audits import together
from lakehouse_assets.engine.writing.engine import Engine
from lakehouse_assets.engine.writing.publication import Publication

LOOKS_APART_SECONDS = 300.0
"""Between two previews, plots and lineages of a table while a run goes on."""
LAST_LOOKS_APART_SECONDS = 60.0
"""And at the ends of runs."""
VERDICTS_APART_SECONDS = 60.0
"""Between two reports that a check passes, as ever."""


@dataclass
class Told:
    """What this process has told a Dagster; times are of the monotonic clock."""

    looked_at: dict[str, float] = field(default_factory=dict)
    """By table: when all that is worth a look was told last."""
    verdicts: dict[tuple[str, str], tuple[bool, float]] = field(default_factory=dict)
    """By table and check: what was told last, and when."""


_TOLD = WeakKeyDictionary[DagsterInstance, Told]()


@dataclass(frozen=True)
class Done:
    """One commit or several of one table, one after the other."""

    publication: Publication
    commit: Commit
    seconds: float

    def then(self, newer: Done) -> Done:
        """Both as one: the newest version, all days, rows and verdicts of both."""
        older, said = self.publication, newer.publication.statement
        days: set[Partition] = {*older.statement.days, *said.days}
        publication = replace(
            newer.publication,
            audit=together([older.audit, newer.publication.audit]),
            statement=replace(said, days=tuple(ordered(days))),
        )
        return Done(publication, newer.commit, self.seconds + newer.seconds)


@dataclass
class News:
    """What a run has committed and not told yet."""

    context: OpExecutionContext
    engine: Engine
    interval_seconds: float
    untold: dict[str, Done] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    told_at: float = field(default_factory=time.monotonic)

    @property
    def told(self) -> Told:
        """By this process, also by its earlier runs."""
        return _TOLD.setdefault(self.context.instance, Told())

    def add(self, done: Done) -> None:
        """One more commit."""
        key = done.publication.table.key
        self.untold[key] = self.untold[key].then(done) if key in self.untold else done

    def refused(self, key: str) -> None:
        """Of a table whose checks were told otherwise: whatever comes next says something new."""
        self.told.verdicts = {each: said for each, said in self.told.verdicts.items() if each[0] != key}

    def due(self) -> Iterator[AssetCheckEvaluation]:
        """Tells what there is, once the interval is over."""
        if time.monotonic() - self.told_at >= self.interval_seconds:
            yield from self._tell(self._looks_on_the_way)

    def last(self) -> Iterator[AssetCheckEvaluation]:
        """Tells what there is at the end of a run."""
        yield from self._tell(self._looks_at_the_end)

    def _tell(self, further: Callable[[metadata.Report], dict[str, Any]]) -> Iterator[AssetCheckEvaluation]:
        """Logs the days that changed, with all that is worth a look; yields the verdicts that say something new."""
        told = [*self.untold.values()]
        self.log(further)
        for done in told:
            yield from self._verdicts(done)

    def log(self, further: Callable[[metadata.Report], dict[str, Any]] = lambda _: {}) -> None:
        """Logs the days that changed, and what `further` says once of each table."""
        for done in self.untold.values():
            for event in self._events(done, further):
                self.context.log_event(event)
        self.untold.clear()
        self.told_at = time.monotonic()

    def _events(
        self, done: Done, further: Callable[[metadata.Report], dict[str, Any]]
    ) -> Iterator[AssetMaterialization]:
        seconds = {"commit_seconds": round(done.seconds, 3)}
        found = metadata.report(self.engine.lake, done.publication, done.commit, seconds, self.context.log.warning)
        yield from metadata.events(found, further(found))
        yield from metadata.quarantine_events(done.publication)

    def _looks_on_the_way(self, found: metadata.Report) -> dict[str, Any]:
        since = max(self.began, self.told.looked_at.get(found.publication.table.key, self.began))
        return self._worth_a_look(found) if time.monotonic() - since >= LOOKS_APART_SECONDS else {}

    def _looks_at_the_end(self, found: metadata.Report) -> dict[str, Any]:
        since = self.told.looked_at.get(found.publication.table.key, -LAST_LOOKS_APART_SECONDS)
        return self._worth_a_look(found) if time.monotonic() - since >= LAST_LOOKS_APART_SECONDS else {}

    def _worth_a_look(self, found: metadata.Report) -> dict[str, Any]:
        self.told.looked_at[found.publication.table.key] = time.monotonic()
        engine, context = self.engine, self.context
        return metadata.run_metadata(found, engine.spark, engine.lake, context.instance, context.log.warning)

    def _verdicts(self, done: Done) -> Iterator[AssetCheckEvaluation]:
        table = done.publication.table
        for verdict in checks.evaluations(table, done.publication.audit):
            if self._says_something(table.key, verdict):
                self.told.verdicts[table.key, verdict.check_name] = verdict.passed, time.monotonic()
                yield verdict

    def _says_something(self, key: str, verdict: AssetCheckEvaluation) -> bool:
        passed, at = self.told.verdicts.get((key, verdict.check_name), (False, 0.0))
        return not (verdict.passed and passed) or time.monotonic() - at >= VERDICTS_APART_SECONDS
