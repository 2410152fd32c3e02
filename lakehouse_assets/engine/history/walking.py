"""Walking back a table's history: the ledger as it stands, and what no longer counts or never did."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from lakehouse_assets.engine.history.ledger import Commit, Ledger, Restated, Statement
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.sources.planning import Acceptance


def read(commits: Iterable[Commit]) -> Ledger:
    """The ledger from a history given newest first; reads to where the newest stated position was planned from."""
    reading = _Reading()
    for commit in standing(sound(commits)):
        reading.see(commit)
        if reading.planned_from is not None and commit.version <= reading.planned_from + 1:
            break
    return reading.ledger()


@dataclass
class _Reading:
    """What a walk back the history has found so far."""

    version: int = -1
    oldest: int = -1
    stated: int = -1
    accepted: int = -1
    accepted_from: int = -1
    restored: int | None = None
    acceptances: list[Acceptance] = field(default_factory=list)
    """The newest first."""
    rules: set[str] = field(default_factory=set)
    held: Commit | None = None
    """The commit that holds the position."""
    quarantine_transaction: int = -1
    is_overshot: bool = False

    @property
    def planned_from(self) -> int | None:
        return self.held.planned_from if self.held else None

    def see(self, commit: Commit) -> None:
        if self.planned_from is not None and commit.version <= self.planned_from:
            return
        self.version, self.oldest = max(self.version, commit.version), commit.version
        if commit.restored_to is not None:
            self._restored(commit.version)
        if commit.statement is not None:
            self._said(commit, commit.statement)

    def _restored(self, version: int) -> None:
        """An acceptance that was planned before it knows nothing of it."""
        if self.accepted_from < version:
            self.restored = self.restored or version

    def _said(self, commit: Commit, said: Statement) -> None:
        if said.position is not None and self.held is None:
            self.held = commit
        self.is_overshot |= said.kind == "increment" and said.position is None
        self.quarantine_transaction = max(self.quarantine_transaction, said.quarantine_transaction)
        self.rules.update(said.accepted_rules)
        if said.acceptance is not None:
            self.acceptances.append(said.acceptance)
            self.accepted = max(self.accepted, commit.version)
            self.accepted_from = max(self.accepted_from, commit.planned_from)
        if said.restated is None:
            self.stated = max(self.stated, commit.version)
        elif commit is self.held:
            self._restate(said.restated)

    def _restate(self, said: Restated) -> None:
        self.stated = max(self.stated, said.stated_version)
        self.accepted = max(self.accepted, said.accepted_version)
        self.is_overshot |= said.is_overshot
        self.acceptances.extend(reversed(said.acceptances))
        if said.restored_version is not None:
            self._restored(said.restored_version)

    def ledger(self) -> Ledger:
        said = self.held.statement if self.held else None
        held = self.held.version if self.held else -1
        return Ledger(
            version=self.version,
            position=said.position if said and said.position is not None else Position(),
            position_version=said.restated.position_version if said and said.restated else held,
            stated_version=self.stated,
            acceptances=tuple(reversed(self.acceptances)),
            accepted_version=self.accepted,
            restored_version=self.restored,
            accepted_rules=frozenset(self.rules),
            complete=said is not None or self.oldest <= 0,
            held_version=held,
            versions=said.versions if said else {},
            position_transaction=-1 if said is None or said.transaction is None else said.transaction,
            quarantine_transaction=self.quarantine_transaction,
            is_overshot=self.is_overshot,
        )


def sound(commits: Iterable[Commit]) -> Iterator[Commit]:
    """The history without what was said in ignorance of a commit that came between plan and commit.

    A position planned before a RESTORE and committed after it is not stated: the rows it was to follow on went back. A
    restatement says nothing where anything was said in between.
    """
    ahead, rest = deque[Commit](), iter(commits)
    while commit := ahead.popleft() if ahead else next(rest, None):
        yield _as_it_counts(commit, _between(commit, ahead, rest))


def _between(commit: Commit, ahead: deque[Commit], rest: Iterator[Commit]) -> list[Commit]:
    """The commits after the one that a position was planned from; reads on as far as it must."""
    if commit.statement is None or commit.statement.position is None or commit.planned_from >= commit.version - 1:
        return []
    first = commit.planned_from + 1
    while not ahead or ahead[-1].version > first:
        if (older := next(rest, None)) is None:
            break
        ahead.append(older)
    return [each for each in ahead if each.version >= first]


def _as_it_counts(commit: Commit, between: list[Commit]) -> Commit:
    said = commit.statement
    if said is None or not between:
        return commit
    if said.restated is not None:
        unheard = any(each.statement is not None or each.restored_to is not None for each in between)
        return replace(commit, statement=None) if unheard else commit
    if any(each.restored_to is not None for each in between):
        return replace(commit, statement=replace(said, position=None))
    return commit


def standing(commits: Iterable[Commit]) -> Iterator[Commit]:
    """Commits whose rows still stand: after a RESTORE only those up to the restored version."""
    newest_standing: int | None = None
    for commit in commits:
        if newest_standing is not None and commit.version > newest_standing:
            continue
        yield commit
        if commit.restored_to is not None:
            newest_standing = commit.restored_to


def restate(known: Ledger, run_id: str) -> Statement:
    """What repeats a ledger, so that the log entries below it may go."""
    return Statement(
        "restatement",
        run_id,
        position=known.position,
        versions=known.versions,
        accepted_rules=tuple(sorted(known.accepted_rules)),
        planned_from=known.version,
        restated=Restated(
            known.position_version,
            known.stated_version,
            known.restored_version,
            known.accepted_version,
            known.acceptances,
            known.is_overshot,
        ),
        transaction=known.position_transaction if known.position_transaction >= 0 else None,
        quarantine_transaction=known.quarantine_transaction,
    )
