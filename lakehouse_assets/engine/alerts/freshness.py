"""Watches freshness: a table on which nothing changed for longer than it promises.

It goes by the newest materialization, as Dagster's own freshness state does, so that the message and the UI agree: a
source that sends nothing makes its tables stale too. A table that never changed promises nothing yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lakehouse_assets.engine.alerts.conditions import Condition, Look, Scene, page
from lakehouse_assets.engine.table import Table

SECONDS_PER_HOUR = 3600.0


def look(scene: Scene, memory: Mapping[str, Any]) -> Look:
    """Every table that promises something and has changed at least once."""
    return Look([*_conditions(scene)], dict(memory))


def _conditions(scene: Scene) -> Iterator[Condition]:
    for table in scene.tables:
        newest = scene.instance.get_latest_materialization_event(table.asset_key)
        if table.freshness_hours and newest:
            yield condition(table, table.freshness_hours, newest.timestamp, scene.now)


def condition(table: Table, promised_hours: float, changed_at: float, now: float) -> Condition:
    """A table that changed last at a time, in seconds since 1970."""
    age_hours = (now - changed_at) / SECONDS_PER_HOUR
    return Condition(
        key=f"freshness:{table.key}",
        failing=age_hours >= promised_hours,
        at=now,
        kind="freshness",
        subject=table.key,
        table=table.key,
        rule="freshness",
        severity="warn",
        owner=table.owner,
        says=f"nothing changed for {age_hours:.1f} hours",
        over="it changes again",
        facts=(("promised", f"a change every {promised_hours:g} hours"), ("last change", f"{age_hours:.1f} hours ago")),
        link=page(table.key),
    )
