"""Watches sensors: one that does not tick, whose ticks fail, or that tells of a source whose records are gone.

A table that is held fails no tick: it is told by the checks that its batch broke, or by the run that failed.

The watches tick with the same daemon, so a daemon that is down is not seen here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorTick, TickStatus

from lakehouse_assets.engine.alerts.conditions import Condition, Look, Scene
from lakehouse_assets.engine.alerts.reasons import why
from lakehouse_assets.engine.flow import sources
from lakehouse_assets.engine.orchestration import complaints, watching
from lakehouse_assets.engine.orchestration.pipeline_log import redact
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable

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
    """About silence, about what the ticks say, about sources; a sensor that was switched off is all right."""
    running = state.status != InstigatorStatus.STOPPED
    ticks = scene.instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=FAILED_TICKS)
    silence = _silence(scene, state, ticks) if running else ""
    complained = complaints.read(scene.settings) if running and state.instigator_name == watching.NAME else {}
    said = complaint(scene.settings, ticks) if running and not complained else ""
    yield _condition(scene, state, "silent", "it does not tick", silence)
    yield _condition(scene, state, "ticks", "it cannot go on", said)
    if state.instigator_name == watching.NAME:
        yield from (_of_source(scene, state, each, complained.get(each.key, "")) for each in sources(scene.tables))


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
    name = state.instigator_name
    return Condition(
        key=f"sensor:{name}:{rule}",
        failing=bool(reason),
        at=scene.now,
        kind="sensor",
        subject=name,
        rule=f"{name} {rule}",
        says=f"sensor {name}: {says}",
        over=f"sensor {name} goes on",
        facts=(("sensor", name), ("reason", reason)),
        link=_link(state),
    )


def _of_source(scene: Scene, state: InstigatorState, table: SourceTable, reason: str) -> Condition:
    return Condition(
        key=f"source:{table.key}",
        failing=bool(reason),
        at=scene.now,
        kind="sensor",
        subject=table.key,
        table=table.key,
        rule="source goes on",
        owner=table.owner,
        says=f"{table.origin} cannot go on",
        over=f"{table.origin} goes on",
        facts=(("source", table.origin), ("reason", redact(scene.settings, reason))),
        link=_link(state),
    )


def _link(state: InstigatorState) -> str:
    return f"/locations/{_location(state)}/sensors/{state.instigator_name}"


def _location(state: InstigatorState) -> str:
    origin = state.origin.repository_origin
    return f"{origin.repository_name}@{origin.code_location_origin.location_name}"
