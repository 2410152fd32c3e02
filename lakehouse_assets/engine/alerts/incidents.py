"""Incidents: what began and is not over yet. Pure: open ones and what the watches say, to open ones and notices.

An incident begins when a condition fails that is in none, and is over when none of its members fails any longer. Each
gives one `start` and one `recovery`, in this order, however short it was, and none in between but the reminders asked
for. Rules of one table and severity that break together are members of one incident; days that break them at about the
same time as well: it is told once it has been quiet for `settle_seconds`, so that a backfill of a year is one message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from lakehouse_assets.engine.alerts.conditions import Condition

Phase = Literal["start", "recovery", "reminder"]

MOST_DETAILS = 5
"""So many members are kept with their facts and samples."""
PATIENCE = 10
"""An incident that never gets quiet is told after so many times `settle_seconds`."""


@dataclass(frozen=True)
class Member:
    """One condition of an incident that is not over yet."""

    hold_seconds: float
    passing_since: float | None = None
    """None while it fails."""


@dataclass(frozen=True)
class Incident:
    """Something that began."""

    id: str
    details: tuple[Condition, ...]
    """The first few conditions as they failed first; never empty."""
    began_at: float
    opened_at: float
    """When a look found it."""
    joined_at: float
    """When a look last added a member."""
    members: Mapping[str, Member]
    partitions: tuple[str, ...] = ()
    """Every day that was ever a member, as they came."""
    rules: tuple[str, ...] = ()
    """Every rule that was ever a member, as they came; none where it is not about rules."""
    told: int = 0
    """Messages so far that it goes on: 1 for its start."""
    told_at: float = 0.0

    @property
    def first(self) -> Condition:
        """What it began with."""
        return self.details[0]

    def to_json(self) -> dict[str, Any]:
        """As `from_json` takes it."""
        return {**asdict(self), "details": [each.to_json() for each in self.details]}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Incident:
        """The incident that was kept."""
        details = tuple(Condition.from_json(each) for each in body["details"])
        members = {key: Member(**each) for key, each in body["members"].items()}
        rules = body.get("rules") or (each.rule for each in details if each.rule)
        said = {"partitions": tuple(body["partitions"]), "rules": tuple(dict.fromkeys(rules))}
        return cls(**{**body, **said, "details": details, "members": members})


@dataclass(frozen=True)
class Notice:
    """Something to tell."""

    phase: Phase
    incident: Incident
    at: float

    @property
    def id(self) -> str:
        """The same in every delivery of it, so that a receiver can drop a repeat."""
        number = f"-{self.incident.told}" if self.phase == "reminder" else ""
        return f"{self.incident.id}-{self.phase}{number}"


def _never(_condition: Condition) -> float:
    return 0.0


@dataclass(frozen=True)
class Rules:
    """When incidents are told."""

    settle_seconds: float = 0.0
    remind_hours: Callable[[Condition], float] = _never
    """After how many hours it is told again that an incident goes on; 0 for never."""


Open = Mapping[str, Incident]
"""The open incidents by id."""


def step(incidents: Open, conditions: Iterable[Condition], now: float, rules: Rules) -> tuple[Open, list[Notice]]:
    """One look: the incidents open after it, and what is to be told, in order."""
    board = _Board(dict(incidents), now, rules)
    for condition in conditions:
        if condition.failing:
            board.fails(condition)
        else:
            board.passes(condition)
    for incident in [*board.open.values()]:
        board.settle(incident)
    return board.open, board.notices


@dataclass
class _Board:
    """The incidents during one look."""

    open: dict[str, Incident]
    now: float
    rules: Rules
    notices: list[Notice] = field(default_factory=list)
    opened: int = 0

    def __post_init__(self) -> None:
        self.by_key = {key: incident.id for incident in self.open.values() for key in incident.members}

    def fails(self, condition: Condition) -> None:
        incident = self.open[self.by_key[condition.key]] if condition.key in self.by_key else None
        if incident is not None:
            members = {**incident.members, condition.key: Member(condition.hold_seconds)}
            self.open[incident.id] = replace(incident, members=members)
            return
        incident = next(self._joinable(condition), None)
        incident = self._joined(incident, condition) if incident else self._begun(condition)
        self.open[incident.id] = incident
        self.by_key[condition.key] = incident.id

    def _joinable(self, condition: Condition) -> Iterator[Incident]:
        for incident in self.open.values():
            if self._takes(incident, condition):
                yield incident

    def _takes(self, incident: Incident, condition: Condition) -> bool:
        """What was told takes further days for a while, but no rule that its message did not name."""
        if not incident.told:
            return incident.first.company == condition.company
        quiet = self.now - incident.joined_at
        of_its_rules = incident.first.group == condition.group or condition.rule in incident.rules
        alike = incident.first.company == condition.company and of_its_rules
        return alike and quiet <= self.rules.settle_seconds

    def _joined(self, incident: Incident, condition: Condition) -> Incident:
        return replace(
            incident,
            joined_at=self.now,
            members={**incident.members, condition.key: Member(condition.hold_seconds)},
            details=(*incident.details, condition)[:MOST_DETAILS],
            partitions=_with(incident.partitions, condition.partition),
            rules=_with(incident.rules, condition.rule),
        )

    def _begun(self, condition: Condition) -> Incident:
        self.opened += 1
        name = f"{condition.key}|{condition.at}|{self.now}|{self.opened}"
        return Incident(
            id=hashlib.sha256(name.encode()).hexdigest()[:12],
            details=(condition,),
            began_at=condition.at,
            opened_at=self.now,
            joined_at=self.now,
            members={condition.key: Member(condition.hold_seconds)},
            partitions=_with((), condition.partition),
            rules=_with((), condition.rule),
        )

    def passes(self, condition: Condition) -> None:
        if condition.key not in self.by_key:
            return
        incident = self.open[self.by_key[condition.key]]
        member = incident.members[condition.key]
        if member.passing_since is None:
            member = replace(member, passing_since=condition.at)
        incident = replace(incident, members={**incident.members, condition.key: member})
        incident = _ended_by(incident, condition)
        self.open[incident.id] = incident
        if member.hold_seconds == 0:
            self._without(incident, [condition.key])

    def settle(self, incident: Incident) -> None:
        """Takes out what has held for long enough; tells what is due."""
        held = [key for key, member in incident.members.items() if self._has_held(member)]
        left = self._without(incident, held)
        if left and self._is_due(left):
            self._tell(left)

    def _has_held(self, member: Member) -> bool:
        return member.passing_since is not None and self.now - member.passing_since >= member.hold_seconds

    def _is_due(self, incident: Incident) -> bool:
        if incident.told:
            hours = self.rules.remind_hours(incident.first)
            return hours > 0 and self.now - incident.told_at >= hours * 3600
        waits = self.rules.settle_seconds if incident.partitions else 0.0
        quiet, whole = self.now - incident.joined_at, self.now - incident.opened_at
        return quiet >= waits or whole >= PATIENCE * waits

    def _tell(self, incident: Incident) -> Incident:
        phase: Phase = "reminder" if incident.told else "start"
        told = replace(incident, told=incident.told + 1, told_at=self.now)
        self.open[told.id] = told
        self.notices.append(Notice(phase, told, self.now))
        return told

    def _without(self, incident: Incident, keys: Iterable[str]) -> Incident | None:
        """The incident without members that are over; None where that was all of it."""
        gone = {*keys}
        for key in gone:
            del self.by_key[key]
        left = replace(incident, members={key: each for key, each in incident.members.items() if key not in gone})
        self.open[left.id] = left
        if left.members:
            return left
        told = left if left.told else self._tell(left)
        del self.open[left.id]
        self.notices.append(Notice("recovery", told, self.now))
        return None


def _ended_by(incident: Incident, condition: Condition) -> Incident:
    """With the words of what ends it, where that says more than that it passes."""
    first, *others = incident.details
    words = condition.over or first.over
    return incident if words == first.over else replace(incident, details=(replace(first, over=words), *others))


def _with(known: tuple[str, ...], name: str) -> tuple[str, ...]:
    return known if not name or name in known else (*known, name)
