"""The ledger: what each commit of a table says about itself, kept in the Delta commit's `userMetadata`.

The statement is part of the same atomic commit as the rows. Only increments state a position; the table's position is
the newest one found walking back its history.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.sources.planning import Acceptance
from lakehouse_assets.errors import BrokenContractError

FORMAT = 1
ENVELOPE = "lakehouse"

Kind = Literal["increment", "rebuild", "replay", "settled", "widened", "acceptance"]


@dataclass(frozen=True)
class Statement:
    """What one commit says: who wrote it, which days it touched, and for an increment the position it reached."""

    kind: Kind
    run_id: str
    days: tuple[date, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    contract: str = ""
    position: Position | None = None
    acceptance: Acceptance | None = None
    code: str = ""
    """Version of the code that computed the rows."""
    source_version: int = -1
    """For an answer: the Delta version of its source that it was computed from."""
    columns: tuple[str, ...] = ()
    """Columns that joined the table with this commit, were widened, or were let go."""
    accepted_rules: tuple[str, ...] = ()
    """For an acceptance: rules whose breach lets the next batch pass."""

    def to_json(self) -> str:
        """The commit's `userMetadata`."""
        body: dict[str, Any] = {
            "format": FORMAT,
            "kind": self.kind,
            "run_id": self.run_id,
            "days": [day.isoformat() for day in self.days],
            "counts": dict(self.counts),
            "contract": self.contract,
            "code": self.code,
        }
        if self.source_version >= 0:
            body["source_version"] = self.source_version
        if self.position is not None:
            body["position"] = self.position.to_json()
        if self.acceptance is not None:
            body["acceptance"] = _acceptance_to_json(self.acceptance)
        if self.columns:
            body["columns"] = list(self.columns)
        if self.accepted_rules:
            body["accepted_rules"] = list(self.accepted_rules)
        return json.dumps({ENVELOPE: body}, separators=(",", ":"))


def parse(user_metadata: str | None, table: str) -> Statement | None:
    """The statement in a commit's `userMetadata`; None for a commit that states nothing.

    Raises:
        BrokenContractError: the statement has a format this version does not know.
    """
    body = _envelope(user_metadata)
    if body is None:
        return None
    if body.get("format") != FORMAT:
        raise BrokenContractError(
            f"its ledger has format {body.get('format')}, this version reads {FORMAT}",
            where=table,
            do="Upgrade lakehouse_assets to the version that wrote the table",
        )
    return Statement(
        kind=body["kind"],
        run_id=body["run_id"],
        days=tuple(date.fromisoformat(day) for day in body["days"]),
        counts=body["counts"],
        contract=body["contract"],
        position=Position.from_json(body["position"]) if "position" in body else None,
        acceptance=_acceptance_from_json(body["acceptance"]) if "acceptance" in body else None,
        code=body.get("code", ""),
        source_version=body.get("source_version", -1),
        columns=tuple(body.get("columns", ())),
        accepted_rules=tuple(body.get("accepted_rules", ())),
    )


def _envelope(user_metadata: str | None) -> dict[str, Any] | None:
    try:
        body = json.loads(user_metadata or "null")
    except ValueError:
        return None
    return body.get(ENVELOPE) if isinstance(body, dict) else None


def _acceptance_to_json(acceptance: Acceptance) -> dict[str, Any]:
    return {
        "topic_id": acceptance.topic_id,
        "resume": {str(p): offset for p, offset in acceptance.resume.items()},
        "lost": [part.to_json() for part in acceptance.lost],
    }


def _acceptance_from_json(body: Mapping[str, Any]) -> Acceptance:
    return Acceptance(
        topic_id=body["topic_id"],
        resume={int(p): offset for p, offset in body["resume"].items()},
        lost=tuple(Slice(*part) for part in body["lost"]),
    )


@dataclass(frozen=True)
class Commit:
    """One version of a table's history."""

    version: int
    timestamp_ms: int
    operation: str
    statement: Statement | None
    restored_to: int | None = None
    """For a RESTORE: the version whose rows came back."""


@dataclass(frozen=True)
class Ledger:
    """What a table's history says as of one version."""

    version: int
    position: Position
    """Empty for a table that no increment has written yet."""
    position_version: int
    """The version that stated `position`; -1 when none did."""
    stated_version: int = -1
    """The newest version that stated anything: it grows with every increment, rebuild and acceptance."""
    acceptances: tuple[Acceptance, ...] = ()
    accepted_version: int = -1
    """The newest version that recorded an acceptance."""
    restored_version: int | None = None
    """A RESTORE that nobody has accepted yet."""
    accepted_rules: frozenset[str] = frozenset()
    """Rules whose breach was accepted since the position was stated: the next batch passes them."""
    complete: bool = True
    """False when the history ended before a position was found: it must be recovered from the rows."""


def read(commits: Iterable[Commit]) -> Ledger:
    """The ledger from a history given newest first; reads no further than the newest stated position."""
    version, oldest, stated, accepted_version, restored = -1, -1, -1, -1, None
    said: list[Statement] = []
    for commit in _standing(commits):
        version, oldest = max(version, commit.version), commit.version
        statement = commit.statement
        if commit.restored_to is not None and accepted_version < 0:
            restored = restored or commit.version
        if statement is None:
            continue
        said.append(statement)
        stated = max(stated, commit.version)
        if statement.acceptance is not None:
            accepted_version = max(accepted_version, commit.version)
        if statement.position is not None:
            return _ledger(said, version, statement.position, commit.version, stated, accepted_version, restored)
    empty = _ledger(said, version, Position(), -1, stated, accepted_version, restored)
    return replace(empty, complete=oldest <= 0)


def _ledger(
    said: Sequence[Statement],
    version: int,
    position: Position,
    position_version: int,
    stated: int,
    accepted_version: int,
    restored: int | None,
) -> Ledger:
    accepted = tuple(each.acceptance for each in reversed(said) if each.acceptance is not None)
    rules = frozenset(rule for each in said for rule in each.accepted_rules)
    return Ledger(version, position, position_version, stated, accepted, accepted_version, restored, rules)


def _standing(commits: Iterable[Commit]) -> Iterator[Commit]:
    """Commits whose rows still stand: after a RESTORE only those up to the restored version."""
    newest_standing: int | None = None
    for commit in commits:
        if newest_standing is not None and commit.version > newest_standing:
            continue
        yield commit
        if commit.restored_to is not None:
            newest_standing = commit.restored_to


def days_since(source: Iterable[Commit], own: Iterable[Commit], position: Position) -> tuple[date, ...] | None:
    """Days that commits of the source touched after the one that stated `position`, and that no own commit has read.

    None when the source's history does not reach the position.
    """
    read_up_to = _read_up_to(own, position)
    days: set[date] = set()
    for commit in _standing(source):
        statement = commit.statement
        if statement is None:
            continue
        if statement.position == position:
            return tuple(sorted(days))
        days.update(day for day in statement.days if commit.version > read_up_to.get(day, -1))
    return None


def _read_up_to(own: Iterable[Commit], position: Position) -> dict[date, int]:
    """Which version of its source each day was last computed from, by the commits since the position was stated."""
    versions: dict[date, int] = {}
    for commit in _standing(own):
        if commit.statement is None:
            continue
        for day in commit.statement.days:
            versions.setdefault(day, commit.statement.source_version)
        if commit.statement.position not in (None, position):
            break
    return versions


def days_beyond(source: Iterable[Commit], position: Position) -> tuple[date, ...] | None:
    """Days on which commits of a source table put rows that a position does not hold yet, and perhaps some others.

    None when the source's history does not reach back to the position.
    """
    days: set[date] = set()
    for commit in _standing(source):
        statement = commit.statement
        if statement is None:
            continue
        if statement.position is not None and not statement.position.since(position):
            return tuple(sorted(days))
        days.update(statement.days)
    return None
