"""The ledger: what each commit of a table says about itself, kept in the Delta commit's `userMetadata`.

The statement is part of the same atomic commit as the rows. Only increments state a position, and maintenance restates
it before the log forgets it; the table's position is the newest one found walking back its history. Each statement
names the version that it was planned from: what came between that and the commit is looked at, and never hidden.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lakehouse_assets.engine.grids import Partition, partition
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.sources.planning import Acceptance
from lakehouse_assets.errors import BrokenContractError

FORMAT = 1
SEALED_FORMAT = 2
"""Of a statement whose position names segments: older releases do not take it for another position."""
ENVELOPE = "lakehouse"
_UNNAMED = ""

Kind = Literal["increment", "rebuild", "replay", "settled", "widened", "fence", "acceptance", "restatement"]


@dataclass(frozen=True)
class Restated:
    """What a restatement repeats besides the position, so that older log entries may go."""

    position_version: int
    """The version that stated the position first; -1 for one that was recovered from the rows."""
    stated_version: int
    restored_version: int | None = None
    accepted_version: int = -1
    acceptances: tuple[Acceptance, ...] = ()
    is_overshot: bool = False

    def to_json(self) -> dict[str, Any]:
        """As part of a statement."""
        return {
            **({"is_overshot": True} if self.is_overshot else {}),
            "position_version": self.position_version,
            "stated_version": self.stated_version,
            "restored_version": self.restored_version,
            "accepted_version": self.accepted_version,
            "acceptances": [_acceptance_to_json(each) for each in self.acceptances],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Restated:
        """The inverse of `to_json`."""
        return cls(
            body["position_version"],
            body["stated_version"],
            body["restored_version"],
            body["accepted_version"],
            tuple(_acceptance_from_json(each) for each in body["acceptances"]),
            body.get("is_overshot", False),
        )


@dataclass(frozen=True)
class Statement:
    """What one commit says: who wrote it, which days it touched, and for an increment the position it reached."""

    kind: Kind
    run_id: str
    days: tuple[Partition, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    contract: str = ""
    position: Position | None = None
    acceptance: Acceptance | None = None
    code: str = ""
    """Version of the code that computed the rows."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """By key: the Delta versions of other tables that the rows were computed from."""
    columns: tuple[str, ...] = ()
    """Columns that joined the table with this commit, were widened, or were let go."""
    accepted_rules: tuple[str, ...] = ()
    """For an acceptance: rules whose breach lets the next batch pass."""
    planned_from: int | None = None
    """The version of the table that this was planned from, -1 for none; None in statements of older releases."""
    at: str = ""
    """When it was said, ISO in UTC; for people, nothing decides by it."""
    restated: Restated | None = None
    """For a restatement."""
    transaction: int | None = None
    """Number of the table's transaction that stated it; in a quarantine, of the one that it was written ahead of."""
    quarantine_transaction: int = -1
    """For a table: its quarantine's newest transaction that this one wrote or found settled; -1 for none."""

    def version_of(self, key: str) -> int:
        """The version of another table that the rows were computed from; -1 where nothing says so."""
        return version_of(self.versions, key)

    def to_json(self, said: Callable[[Position], list[dict[str, Any]]] = Position.to_json) -> str:
        """The commit's `userMetadata`; `said` puts its position into words, see `segments.state`."""
        body: dict[str, Any] = {
            "format": FORMAT,
            "kind": self.kind,
            "run_id": self.run_id,
            "days": [str(day) for day in self.days],
            "counts": dict(self.counts),
            "contract": self.contract,
            "code": self.code,
        }
        body |= {name: value for name, value in self._optional().items() if value not in (None, [], "")}
        if self.position is not None:
            body["position"] = said(self.position)
            body["format"] = SEALED_FORMAT if any("segment" in each for each in body["position"]) else FORMAT
        return json.dumps({ENVELOPE: body}, separators=(",", ":"))

    def _optional(self) -> dict[str, Any]:
        return {
            "versions": dict(self.versions) or None,
            "acceptance": None if self.acceptance is None else _acceptance_to_json(self.acceptance),
            "columns": list(self.columns),
            "accepted_rules": list(self.accepted_rules),
            "planned_from": self.planned_from,
            "at": self.at,
            "restated": None if self.restated is None else self.restated.to_json(),
            "transaction": self.transaction,
            "quarantine_transaction": self.quarantine_transaction if self.quarantine_transaction >= 0 else None,
        }


def parse(
    user_metadata: str | None, table: str, read: Callable[[list[dict[str, Any]]], Position] = Position.from_json
) -> Statement | None:
    """The statement in a commit's `userMetadata`; None for a commit that states nothing. `read` is its `said` undone.

    Raises:
        BrokenContractError: the statement has a format this version does not know.
    """
    body = _envelope(user_metadata)
    if body is None:
        return None
    if body.get("format") not in (FORMAT, SEALED_FORMAT):
        raise BrokenContractError(
            f"its ledger has format {body.get('format')}, this version reads up to {SEALED_FORMAT}",
            where=table,
            do="Upgrade lakehouse_assets to the version that wrote the table",
        )
    return Statement(
        kind=body["kind"],
        run_id=body["run_id"],
        days=tuple(map(partition, body["days"])),
        counts=body["counts"],
        contract=body["contract"],
        position=read(body["position"]) if "position" in body else None,
        acceptance=_acceptance_from_json(body["acceptance"]) if "acceptance" in body else None,
        code=body.get("code", ""),
        versions=body.get("versions") or _of_older_releases(body),
        columns=tuple(body.get("columns", ())),
        accepted_rules=tuple(body.get("accepted_rules", ())),
        planned_from=body.get("planned_from"),
        at=body.get("at", ""),
        restated=Restated.from_json(body["restated"]) if "restated" in body else None,
        transaction=body.get("transaction"),
        quarantine_transaction=body.get("quarantine_transaction", -1),
    )


def version_of(versions: Mapping[str, int], key: str) -> int:
    """The version of a table; statements of older releases know one table, which they do not name. -1 for none."""
    return versions.get(key, versions.get(_UNNAMED, -1))


def _of_older_releases(body: Mapping[str, Any]) -> Mapping[str, int]:
    return {_UNNAMED: body["source_version"]} if "source_version" in body else {}


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

    @property
    def planned_from(self) -> int:
        """The version that its statement was planned from; the one before it where nothing says so."""
        said = self.statement.planned_from if self.statement else None
        return self.version - 1 if said is None else said


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
    held_version: int = -1
    """The version whose log entry holds the position: the newest restatement, or the one that stated it."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """By key: the versions of other tables that its position was computed from."""
    transaction_version: int = -1
    """The newest transaction of the table's writers that Delta knows; it outlives the log."""
    position_transaction: int = -1
    """The number of the transaction that stated the position; -1 in tables of older releases."""
    quarantine_transaction: int = -1
    """The newest transaction of the quarantine that the table's writers have written themselves or found settled."""
    is_overshot: bool = False
    """Whether an increment since has put rows into the table whose position does not count."""

    @property
    def is_recovered(self) -> bool:
        """Whether the position was read off the rows: no entry of the log states it, or a restatement of such a one."""
        return bool(self.position) and self.position_version < 0

    @property
    def is_exact(self) -> bool:
        """Whether the table holds no row beyond its position: its history tells it, and nobody wrote in ignorance."""
        return self.complete and not self.is_recovered and not self.is_overshot
