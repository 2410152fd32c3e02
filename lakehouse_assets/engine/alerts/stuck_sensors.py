"""Watches sensors: one that should tick and does not, or whose ticks fail, as they do when records are gone.

A table that is held fails no tick: it is told by the checks that its batch broke, or by the run that failed.

The watches tick with the same daemon, so a daemon that is down is not seen here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorTick, TickStatus

from lakehouse_assets.engine.alerts.conditions import Condition, Look, Scene
from lakehouse_assets.engine.alerts.reasons import why
from lakehouse_assets.engine.flow import sources
from lakehouse_assets.engine.table import Table
from lakehouse_assets.settings import Settings

MISSED_INTERVALS = 10
"""So many intervals without a tick, and not less than `alerts_sensor_silence_seconds`, count as stuck."""
FAILED_TICKS = 3
"""So many failed ticks in a row."""


def look(scene: Scene, memory: Mapping[str, Any]) -> Look:
    """Every sensor that is switched on and has ticked at least once."""
    states = scene.instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    return Look([found for state in states if _counts(scene, state) for found in _conditions(scene, state)])


def _counts(scene: Scene, state: InstigatorState) -> bool:
    return state.instigator_name in scene.sensors and state.instigator_data is not None


def _conditions(scene: Scene, state: InstigatorState) -> Iterator[Condition]:
    """One about silence, one about what the ticks say; a sensor that was switched off is all right."""
    running = state.status != InstigatorStatus.STOPPED
    ticks = scene.instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=FAILED_TICKS)
    silence = _silence(scene, state, ticks) if running else ""
    said = complaint(scene.settings, ticks) if running else ""
    yield _condition(scene, state, "silent", "it does not tick", silence)
    yield _condition(scene, state, "ticks", "it cannot go on", said)


def _silence(scene: Scene, state: InstigatorState, ticks: Sequence[InstigatorTick]) -> str:
    data: Any = state.instigator_data
    newest = max([tick.timestamp for tick in ticks[:1]] + [data.last_tick_timestamp or 0.0, scene.awake_since])
    allowed = max(MISSED_INTERVALS * (data.min_interval or 30), scene.settings.alerts_sensor_silence_seconds)
    silent = scene.now - newest
    return f"no tick for {silent:.0f} s, {allowed:.0f} s are allowed" if silent > allowed else ""


def complaint(settings: Settings, ticks: Sequence[InstigatorTick]) -> str:
    """Why the newest ticks, newest first, mean that the sensor cannot go on; empty where they do not."""
    ended = [tick for tick in ticks if tick.status != TickStatus.STARTED]
    if not ended:
        return ""
    failed = len(ended) >= FAILED_TICKS - 1 and all(tick.status == TickStatus.FAILURE for tick in ended)
    return why(settings, ended[0].tick_data.error) if failed else ""


def _condition(scene: Scene, state: InstigatorState, rule: str, says: str, reason: str) -> Condition:
    name, table = state.instigator_name, _source(scene, state.instigator_name)
    return Condition(
        key=f"sensor:{name}:{rule}",
        failing=bool(reason),
        at=scene.now,
        kind="sensor",
        subject=table.key if table else name,
        table=table.key if table else "",
        rule=f"{name} {rule}",
        owner=table.owner if table else "",
        says=f"sensor {name}: {says}",
        over=f"sensor {name} goes on",
        facts=(("sensor", name), ("reason", reason)),
        link=f"/locations/{_location(state)}/sensors/{name}",
    )


def _source(scene: Scene, sensor: str) -> Table | None:
    return next((table for table in sources(scene.tables) if sensor == f"watch_{table.origin_name}"), None)


def _location(state: InstigatorState) -> str:
    origin = state.origin.repository_origin
    return f"{origin.repository_name}@{origin.code_location_origin.location_name}"
