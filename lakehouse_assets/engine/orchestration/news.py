"""What a run tells Dagster of its commits: days that changed and verdicts, of many commits together, and rarely more.

A commit every second would be hundreds of thousands of events a day. One batch over years is thousands of days, and
each costs milliseconds: they are told a slice at a time, so that no batch waits for them. What was committed and not
told when a run dies is told by the reconciler.
"""

from __future__ import annotations

import math
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
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.audits import Audit, together
from lakehouse_assets.engine.writing.engine import Engine
from lakehouse_assets.engine.writing.publication import Publication

LOOKS_APART_SECONDS = 300.0
"""Between two previews, plots and lineages of a table while a run goes on."""
LAST_LOOKS_APART_SECONDS = 60.0
"""And at the ends of runs."""
VERDICTS_APART_SECONDS = 60.0
"""Between two reports that a check passes, as ever."""
SLICE_SECONDS = 0.5
"""A batch waits no longer for what is being told, but for the last event of a slice or a table's look."""


Further = Callable[[metadata.Report], dict[str, Any]]
"""What else is told of a commit, beside its days."""
Said = AssetMaterialization | AssetCheckEvaluation


def _nothing(_: metadata.Report) -> dict[str, Any]:
    return {}


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
    """By table."""
    unjudged: dict[str, Audit] = field(default_factory=dict)
    """By table: what its next verdicts are of."""
    tables: dict[str, Table] = field(default_factory=dict)
    """By key: those that were committed to."""
    began: float = field(default_factory=time.monotonic)
    told_at: float = field(default_factory=time.monotonic)
    _in_hand: Iterator[Said] | None = None
    """What is being told; commits since then come after it."""
    _further: Further = field(default=_nothing, repr=False)
    """What is told once of each table of it."""

    @property
    def told(self) -> Told:
        """By this process, also by its earlier runs."""
        return _TOLD.setdefault(self.context.instance, Told())

    @property
    def left(self) -> bool:
        """Whether there is anything to tell."""
        return self._in_hand is not None or bool(self.untold)

    def add(self, done: Done) -> None:
        """One more commit."""
        key, audit = done.publication.table.key, done.publication.audit
        self.tables[key] = done.publication.table
        self.untold[key] = self.untold[key].then(done) if key in self.untold else done
        self.unjudged[key] = together([self.unjudged[key], audit]) if key in self.unjudged else audit

    def refused(self, key: str) -> None:
        """Of a table whose checks were told otherwise: what it passed before is no news, whatever comes next is."""
        self.unjudged.pop(key, None)
        self.told.verdicts = {each: said for each, said in self.told.verdicts.items() if each[0] != key}

    def due(self) -> Iterator[AssetCheckEvaluation]:
        """Before a further batch, tells a slice of what there is, once the interval is over."""
        if self._in_hand is None and time.monotonic() - self.told_at >= self.interval_seconds:
            self._take(self._looks_on_the_way)
        yield from self._slice()

    def at_leisure(self) -> Iterator[AssetCheckEvaluation]:
        """Tells a slice of what there is, while there is nothing else to do."""
        if self._in_hand is None:
            self._take(self._looks_at_the_end)
        yield from self._slice()

    def last(self, seconds: float = math.inf) -> Iterator[AssetCheckEvaluation]:
        """Tells all that there is, at the end of a run; of what takes longer than so many seconds only the verdicts."""
        until = time.monotonic() + seconds
        while self.left and time.monotonic() < until:
            yield from self.at_leisure()
        self._in_hand, self.untold = None, {}
        for key, audit in [*self.unjudged.items()]:
            yield from self._verdicts(self.tables[key], audit)
        self.unjudged.clear()

    def log(self) -> None:
        """Logs the days that changed, and nothing else."""
        self.unjudged.clear()
        while self.left:
            if self._in_hand is None:
                self._take(_nothing)
            self._further = _nothing
            for _ in self._slice():
                pass

    def _take(self, further: Further) -> None:
        self._further = further
        self._in_hand, self.untold = self._said([*self.untold.values()]), {}

    def _slice(self) -> Iterator[AssetCheckEvaluation]:
        if self._in_hand is None:
            return
        until = time.monotonic() + SLICE_SECONDS
        for said in self._in_hand:
            if isinstance(said, AssetMaterialization):
                self.context.log_event(said)
            else:
                yield said
            if time.monotonic() >= until:
                return
        self._in_hand, self.told_at = None, time.monotonic()

    def _said(self, dones: list[Done]) -> Iterator[Said]:
        """Table by table: the days that changed, and verdicts that say something new."""
        for done in dones:
            yield from self._events(done)
            if (audit := self.unjudged.pop(done.publication.table.key, None)) is not None:
                yield from self._verdicts(done.publication.table, audit)

    def _events(self, done: Done) -> Iterator[AssetMaterialization]:
        seconds = {"commit_seconds": round(done.seconds, 3)}
        found = metadata.report(self.engine.lake, done.publication, done.commit, seconds, self.context.log.warning)
        yield from metadata.events(found, self._further(found))
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

    def _verdicts(self, table: Table, audit: Audit) -> Iterator[AssetCheckEvaluation]:
        for verdict in checks.evaluations(table, audit):
            if self._says_something(table.key, verdict):
                self.told.verdicts[table.key, verdict.check_name] = verdict.passed, time.monotonic()
                yield verdict

    def _says_something(self, key: str, verdict: AssetCheckEvaluation) -> bool:
        passed, at = self.told.verdicts.get((key, verdict.check_name), (False, 0.0))
        return not (verdict.passed and passed) or time.monotonic() - at >= VERDICTS_APART_SECONDS
