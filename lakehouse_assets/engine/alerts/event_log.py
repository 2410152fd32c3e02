"""Dagster's event log read onward from a cursor: the only place that knows how its storage has to be asked.

`DagsterInstance.get_event_records` is deprecated and, on SQLite, refuses a numeric cursor for check evaluations: it
would open the database of every run. The evaluations are mirrored in the index, which `SqlEventLogStorage` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dagster import DagsterEventType, DagsterInstance, EventLogRecord, EventRecordsFilter
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

FIRST_LOOK_SECONDS = 3600.0
"""How far back the very first look goes."""
SETTLE_SECONDS = 60.0
"""An event with a lower number may appear later than one with a higher, by at most this long."""
MOST_PAGES = 20
_PAGE = 500

Fetch = Callable[[EventRecordsFilter], Sequence[EventLogRecord]]


@dataclass(frozen=True)
class Cursor:
    """How far the log was read: up to `floor` completely, beyond it the numbers in `seen`."""

    floor: int = -1
    """-1 before the first look."""
    seen: frozenset[int] = frozenset()
    storage: str = ""
    """Which database the numbers belong to: a new one counts from 1 again."""

    def to_json(self) -> dict[str, Any]:
        """As `from_json` takes it."""
        return {"floor": self.floor, "seen": sorted(self.seen), "storage": self.storage}

    @classmethod
    def from_json(cls, body: dict[str, Any] | None, storage: str) -> Cursor:
        """The cursor that was kept, or a new one where there is none for this database."""
        if body is None or body["storage"] != storage:
            return cls(storage=storage)
        return cls(body["floor"], frozenset(body["seen"]), storage)


def storage_id(instance: DagsterInstance) -> str:
    """What tells one Dagster database from another."""
    storage: Any = instance.run_storage
    return str(storage.get_run_storage_id()) if hasattr(storage, "get_run_storage_id") else ""


def read(
    instance: DagsterInstance, event: DagsterEventType, cursor: Cursor, now: float
) -> tuple[list[EventLogRecord], Cursor]:
    """The events of a type that were not read yet, in the order of the log, and how far that goes."""
    found = [*_pages(instance, event, cursor, now)]
    fresh = [record for record in found if record.storage_id not in cursor.seen]
    settled = [record.storage_id for record in found if record.timestamp < now - SETTLE_SECONDS]
    floor = max([cursor.floor, *settled]) if cursor.floor >= 0 or found else _newest(instance, event)
    seen = cursor.seen | {record.storage_id for record in found}
    return fresh, Cursor(floor, frozenset(number for number in seen if number > floor), cursor.storage)


def _pages(instance: DagsterInstance, event: DagsterEventType, cursor: Cursor, now: float) -> Iterator[EventLogRecord]:
    """From the floor on; on the very first look by time."""
    since = now - FIRST_LOOK_SECONDS if cursor.floor < 0 else None
    after = cursor.floor if cursor.floor >= 0 else None
    for _ in range(MOST_PAGES):
        wanted = EventRecordsFilter(event, after_cursor=after, after_timestamp=since)
        page = _ask(instance, wanted, _PAGE, ascending=True)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].storage_id


def _newest(instance: DagsterInstance, event: DagsterEventType) -> int:
    page = _ask(instance, EventRecordsFilter(event), 1, ascending=False)
    return page[0].storage_id if page else 0


def _ask(
    instance: DagsterInstance, wanted: EventRecordsFilter, limit: int, *, ascending: bool
) -> Sequence[EventLogRecord]:
    storage: Any = instance.event_log_storage
    return SqlEventLogStorage.get_event_records(storage, wanted, limit, ascending)
