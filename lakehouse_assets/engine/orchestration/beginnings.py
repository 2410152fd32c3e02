"""Where each table begins, by its rows and those it is computed from: Dagster's partitions of it begin there too.

It is noted in the state folder: definitions are loaded often, and without a lake. They take the month of a table's
first partition, because a first partition moves with each older record, and partitions that move make Dagster load the
definitions anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from lakehouse_assets.engine.grids import UNPARTED, Partition, ordered
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.orchestration.backfills import known_days
from lakehouse_assets.engine.table import Table
from lakehouse_assets.settings import Settings

FILE: Final = "beginnings.json"
Beginnings = dict[str, str]
"""First day of the month of the first partition, by a table's key; none as long as there are no rows."""


def read(settings: Settings) -> Beginnings:
    """What was noted last; nothing where that cannot be read."""
    try:
        found = json.loads((settings.home / FILE).read_text())
        return {str(key): date.fromisoformat(first).isoformat() for key, first in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def first_day(settings: Settings, key: str) -> date:
    """Where Dagster's partitions of a table begin: with the calendar as long as it has no rows."""
    noted = read(settings).get(key)
    return max(settings.calendar_start, date.fromisoformat(noted)) if noted else settings.calendar_start


def note(settings: Settings, lake: Lake, tables: Iterable[Table]) -> Beginnings:
    """Looks at some tables anew, and says what is noted of all.

    Raises:
        UnavailableError: the store does not answer.
    """
    known = read(settings)
    seen = {key: first for table in tables for key, first in _beginnings(lake, table).items()}
    found = {key: first for key, first in (known | seen).items() if first}
    if found != known:
        _write(settings, found)
    return found


def _beginnings(lake: Lake, table: Table) -> Mapping[str, str]:
    """Of a table and of its quarantine, which begins no later; empty of one without rows."""
    if table.grid == UNPARTED:
        return {}
    days = known_days(lake, table)
    found = {table.key: _month(table, days)}
    if table.quarantined_by_day:
        found[table.quarantine] = _month(table, days | lake.days(table.quarantine))
    return found


def _month(table: Table, days: Iterable[Partition]) -> str:
    found = ordered(days)
    return table.grid.span(found[0])[0].date().replace(day=1).isoformat() if found else ""


def _write(settings: Settings, found: Beginnings) -> None:
    made = settings.home / f"{FILE}.new"
    made.write_text(json.dumps(found, sort_keys=True, indent=1))
    made.replace(settings.home / FILE)
