"""Notices as messages: plain text, because samples are data and must not be taken for markup or mentions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lakehouse_assets.engine.alerts.conditions import Condition
from lakehouse_assets.engine.alerts.incidents import Incident, Notice, Phase

MOST_PARTITIONS = 5
MOST_RULES = 20
MOST_SAMPLES = 5


@dataclass(frozen=True)
class Message:
    """What a channel gets."""

    id: str
    """The same in every delivery: receivers may drop what they have had."""
    incident: str
    phase: Phase
    title: str
    body: str
    severity: str
    at: float


def message(notice: Notice, dagster_url: str) -> Message:
    """A notice in words."""
    incident = notice.incident
    return Message(
        id=notice.id,
        incident=incident.id,
        phase=notice.phase,
        title=title(notice),
        body="\n".join(_lines(notice, dagster_url)),
        severity=incident.first.severity,
        at=notice.at,
    )


def title(notice: Notice) -> str:
    """One line, e.g. `[ERROR] silver/sales/transactions: Price not null fails on 2017-03-01`."""
    first = notice.incident.first
    if notice.phase == "recovery":
        return f"[RECOVERED] {first.subject}: {over(notice.incident)}{_on(notice.incident)}"
    goes_on = " (goes on)" if notice.phase == "reminder" else ""
    return f"[{first.severity.upper()}] {first.subject}: {says(notice.incident)}{_on(notice.incident)}{goes_on}"


def says(incident: Incident) -> str:
    """What is wrong, e.g. `Price not null fails`, `3 rules fail`."""
    count = len(incident.rules)
    return incident.first.says if count <= 1 else f"{count} rules fail"


def over(incident: Incident) -> str:
    """What is said when it is over."""
    count = len(incident.rules)
    return incident.first.over if count <= 1 else f"{count} rules fail no more"


def _on(incident: Incident) -> str:
    days = incident.partitions
    return "" if not days else f" on {days[0]}" if len(days) == 1 else f" on {len(days)} days"


def _lines(notice: Notice, dagster_url: str) -> Iterator[str]:
    incident, first = notice.incident, notice.incident.first
    yield from _known(
        ("Table", first.table),
        ("Partition", partitions(incident)),
        ("Rule" if len(incident.rules) <= 1 else "Rules", _first(incident.rules, MOST_RULES)),
        ("Severity", first.severity),
        ("Owner", first.owner),
        ("Since", _time(incident.began_at)),
    )
    if notice.phase == "recovery":
        yield f"Over: {_time(notice.at)}, after {duration(notice.at - incident.began_at)}"
    else:
        yield from _details(incident)
    link = first.link if len(incident.rules) <= 1 else first.link.partition("&checkDetail=")[0]
    yield from _known(("Page", f"{dagster_url}{link}" if dagster_url and link else ""))
    yield f"Message: {notice.id}"


def partitions(incident: Incident) -> str:
    """The first few days, and how many there are."""
    return _first(incident.partitions, MOST_PARTITIONS)


def _first(names: Sequence[str], most: int) -> str:
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more, {len(names)} in all"


def _details(incident: Incident) -> Iterator[str]:
    """The facts; of several members a line each for the first few."""
    if len(incident.details) == 1:
        yield from _known(*((name.capitalize(), text) for name, text in incident.first.facts))
    else:
        yield from (_member(each, named=len(incident.rules) > 1) for each in incident.details)
    samples = [sample for each in incident.details for sample in each.samples][:MOST_SAMPLES]
    if samples:
        yield "Samples:"
        yield from (f"  {sample}" for sample in samples)


def _member(condition: Condition, *, named: bool) -> str:
    facts = ", ".join(f"{name} {text}" for name, text in condition.facts)
    day = condition.partition
    which = f"{condition.rule} on {day}" if named and day else condition.rule if named else day or "all"
    return f"  {which}: {facts}"


def _known(*named: tuple[str, str]) -> Iterator[str]:
    return (f"{name}: {text}" for name, text in named if text)


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """As people write it: `42 s`, `3 min`, `5 h`, `2 d`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
