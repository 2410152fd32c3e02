"""Watches quarantines: too many rows, too many more than a day ago, or too old ones. Reads the tables' logs only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from lakehouse_assets.engine.alerts.conditions import Condition, Look, Scene, page
from lakehouse_assets.engine.history.remembered import RememberedLake
from lakehouse_assets.engine.table import Table

SECONDS_PER_DAY = 86_400.0
SAMPLE_SECONDS = 3600.0
"""A table's rows are noted once an hour, so a day of growth is 24 to 25 hours."""

Samples = list[list[float]]
"""(time, rows), oldest first; the first one is what growth is measured against."""


def look(scene: Scene, memory: Mapping[str, Any]) -> Look:
    """Every table's quarantine.

    Raises:
        UnavailableError: the store does not answer.
    """
    lake, conditions, noted = RememberedLake(scene.settings), list[Condition](), dict[str, Any]()
    for table in scene.tables:
        rows, oldest = lake.rows(table.quarantine), lake.least(table.quarantine, "set_aside_at")
        samples = note(memory.get(table.key, []), scene.now, rows)
        conditions += [*judge(scene, table, rows, samples), judge_age(scene, table, oldest)]
        noted[table.key] = samples
    return Look(conditions, noted)


def note(samples: Samples, now: float, rows: int) -> Samples:
    """The samples of the last day, with this one where an hour has passed."""
    if not samples or now - samples[-1][0] >= SAMPLE_SECONDS:
        samples = [*samples, [now, rows]]
    return [each for each in samples if each[0] >= now - SECONDS_PER_DAY] or samples[-1:]


def judge(scene: Scene, table: Table, rows: int, samples: Samples) -> Iterator[Condition]:
    """Whether it is too large, and whether it grew too fast."""
    most, most_a_day = scene.settings.quarantine_max_rows, scene.settings.alerts_quarantine_rows_a_day
    grown = max(0, rows - int(samples[0][1]))
    hours = (scene.now - samples[0][0]) / 3600
    size = (("rows", f"{rows:,}"), ("limit", f"{most:,}"))
    growth = (("rows", f"{rows:,}"), ("more", f"{grown:,} in {hours:.0f} hours"), ("limit", f"{most_a_day:,} a day"))
    yield _condition(scene, table, "size", f"quarantine holds {rows:,} rows", rows > most, size)
    yield _condition(scene, table, "growth", f"quarantine grew by {grown:,} rows", grown > most_a_day, growth)


def judge_age(scene: Scene, table: Table, oldest: datetime | None) -> Condition:
    """Whether a row has been set aside for too long."""
    most = scene.settings.quarantine_max_days
    days = (scene.now - oldest.timestamp()) / SECONDS_PER_DAY if oldest else 0.0
    facts = (("oldest", f"{days:.1f} days"), ("limit", f"{most:g} days"))
    return _condition(scene, table, "age", f"a row is in quarantine for {days:.0f} days", days > most, facts)


def _condition(
    scene: Scene, table: Table, rule: str, says: str, failing: bool, facts: tuple[tuple[str, str], ...]
) -> Condition:
    return Condition(
        key=f"quarantine:{table.key}:{rule}",
        failing=failing,
        at=scene.now,
        kind="quarantine",
        subject=table.key,
        table=table.key,
        rule=f"quarantine {rule}",
        severity="warn",
        owner=table.owner,
        says=says,
        over=f"the quarantine's {rule} is within its limit again",
        facts=(("quarantine", table.quarantine), *facts),
        link=page(table.key),
    )
