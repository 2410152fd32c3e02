"""Watches lag: a table too far behind its source, or behind it without getting on; and lag that cannot be measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lakehouse_assets.engine.alerts.conditions import Condition, Look, Scene, page
from lakehouse_assets.engine.flow import below, sources
from lakehouse_assets.engine.history.remembered import RememberedLake
from lakehouse_assets.engine.orchestration.pipeline_log import redact
from lakehouse_assets.engine.orchestration.progress import TableProgress, snapshot
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import UnavailableError

SECONDS_PER_MINUTE = 60.0

Moved = dict[str, list[float]]
"""By table: (how much it had taken in, when it last took in more or had caught up)."""


def look(scene: Scene, memory: Mapping[str, Any]) -> Look:
    """Every table of every source; a source that does not answer leaves the tables of the others."""
    conditions: list[Condition] = []
    moved: Moved = dict(memory.get("moved", {}))
    silent: dict[str, float] = {}
    lake = RememberedLake(scene.settings)
    for source in sources(scene.tables):
        why = ""
        try:
            found = snapshot(scene.settings, (source, *below(source, scene.tables)), lake)
            conditions += [judge(scene, progress, moved) for progress in found]
        except UnavailableError as error:
            silent[source.key] = memory.get("silent", {}).get(source.key, scene.now)
            why = redact(scene.settings, str(error))
        conditions.append(_measured(scene, source, silent.get(source.key), why))
    return Look(conditions, {"moved": moved, "silent": silent})


def judge(scene: Scene, progress: TableProgress, moved: Moved) -> Condition:
    """Whether one table is too far behind; notes in `moved` whether it gets on."""
    taken, since = moved.get(progress.label, [-1.0, scene.now])
    if progress.taken != taken or progress.lag == 0:
        since = scene.now
    moved[progress.label] = [progress.taken, since]
    minutes = (scene.now - max(since, scene.awake_since)) / SECONDS_PER_MINUTE
    stands = minutes >= scene.settings.alerts_lag_minutes
    far = progress.lag > limit(scene, progress.unit)
    waits = progress.waits is not None and progress.waits.minutes(scene.now) >= scene.settings.alerts_lag_minutes
    return _condition(scene, progress, failing=far or stands or waits, minutes=minutes)


def limit(scene: Scene, unit: str) -> int:
    """The most that a table may be behind, in its source's unit."""
    return scene.settings.alerts_lag_offsets if unit == "offsets" else scene.settings.alerts_lag_files


def _condition(scene: Scene, progress: TableProgress, *, failing: bool, minutes: float) -> Condition:
    behind = f"{progress.lag:,} {progress.unit}"
    waits = "" if progress.waits is None else f"; {progress.waits}"
    return Condition(
        key=f"lag:{progress.label}",
        failing=failing,
        at=scene.now,
        kind="lag",
        subject=progress.key,
        table=progress.key,
        rule=f"lag {progress.source}".strip(),
        owner=scene.owner(progress.key),
        says=f"it is {behind} behind {progress.source or 'its source'}{waits}",
        over="it has caught up",
        facts=(
            ("behind", behind),
            ("limit", f"{limit(scene, progress.unit):,} {progress.unit}"),
            ("without progress for", f"{minutes:.0f} minutes"),
        ),
        link=page(progress.key),
    )


def _measured(scene: Scene, source: Table, since: float | None, why: str) -> Condition:
    minutes = 0.0 if since is None else (scene.now - max(since, scene.awake_since)) / SECONDS_PER_MINUTE
    return Condition(
        key=f"lag:{source.key}:unmeasured",
        failing=since is not None and minutes >= scene.settings.alerts_unmeasured_minutes,
        at=scene.now,
        kind="lag",
        subject=source.key,
        table=source.key,
        rule="lag unmeasured",
        owner=source.owner,
        says="its source or the store does not answer",
        over="its source and the store answer again",
        facts=(("since", f"{minutes:.0f} minutes"), ("reason", why)),
        link=page(source.key),
    )
