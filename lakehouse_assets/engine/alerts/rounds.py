"""A round of the alerts: look, keep what was seen, send. A sensor starts one every few seconds; it starts no run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from lakehouse_assets.engine.alerts import incidents, routing, watches
from lakehouse_assets.engine.alerts.conditions import Scene
from lakehouse_assets.engine.alerts.delivery import deliver
from lakehouse_assets.engine.alerts.messages import message
from lakehouse_assets.engine.alerts.outbox import Outbox, Outcome
from lakehouse_assets.engine.alerts.routing import Routes
from lakehouse_assets.engine.orchestration import instances
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import LakehouseError, SettingsError
from lakehouse_assets.redaction import shielded
from lakehouse_assets.settings import Settings, load

PAUSE_SECONDS = 120.0
"""A longer pause between two rounds means that the daemon was not there."""


@dataclass(frozen=True)
class Told:
    """What a round did."""

    open: int
    sent: int
    waiting: int
    problems: tuple[str, ...]
    """Services and channels that are down, or a file of routes that cannot be read."""
    broken: tuple[str, ...]
    """Watches that failed for another reason."""

    @property
    def line(self) -> str:
        """For people."""
        counts = f"{self.open} open, {self.sent} sent, {self.waiting} waiting"
        return "; ".join((counts, *self.problems, *self.broken))


def outbox_of(settings: Settings) -> Outbox:
    """The outbox of a state folder."""
    return Outbox(settings.home / "alerts")


def alert_sensor(tables: Sequence[Table]) -> SensorDefinition:
    """The sensor that watches everything; running from the start."""

    @sensor(
        name="watch_alerts",
        minimum_interval_seconds=load().alerts_interval_seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Tells of failed checks and runs, stale tables, stuck sensors, lag and growing quarantines.",
    )
    def watch_alerts(context: SensorEvaluationContext) -> SkipReason:
        repository = context.repository_def
        names = frozenset(each.name for each in repository.sensor_defs) if repository else frozenset()
        with shielded():
            told = round_of(instances.of(context), load(), tables, names)
        return SkipReason("another round is under way" if told is None else told.line)

    return watch_alerts


def round_of(
    instance: DagsterInstance, settings: Settings, tables: Sequence[Table], sensors: frozenset[str] = frozenset()
) -> Told | None:
    """One round; None while another process is at it.

    Raises:
        LakehouseError: a watch failed for a reason of its own. All others were heard and told by then.
    """
    outbox = outbox_of(settings)
    with outbox.turn() as mine:
        told = _round(outbox, instance, settings, tables, sensors) if mine else None
    if told and told.broken:
        raise LakehouseError(told.line, where="alerts", do="The other watches go on; see the log of the code server")
    return told


def _round(
    outbox: Outbox, instance: DagsterInstance, settings: Settings, tables: Sequence[Table], sensors: frozenset[str]
) -> Told:
    routes, unreadable = _routes(settings)
    scene, seen = look(outbox, instance, settings, tables, sensors, routes)
    urls = routes.urls if routes else {}
    outbox.prune(scene.now, urls)
    drained = deliver(outbox, urls, settings)
    down = [f"channel {each.channel}: {each.why}" for each in drained if each.why]
    return Told(
        open=len(outbox.incidents()),
        sent=sum(each.sent for each in drained),
        waiting=len(outbox.waiting()) + outbox.unrouted(),
        problems=(*unreadable, *seen.unavailable, *down),
        broken=tuple(seen.broken),
    )


def _routes(settings: Settings) -> tuple[Routes | None, list[str]]:
    """The routes, and why there are none: then messages wait until the file is mended."""
    try:
        return routing.load(settings) or Routes({}, (), ()), []
    except SettingsError as error:
        return None, [str(error)]


def look(
    outbox: Outbox,
    instance: DagsterInstance,
    settings: Settings,
    tables: Sequence[Table],
    sensors: frozenset[str],
    routes: Routes | None,
) -> tuple[Scene, watches.Seen]:
    """Looks at everything and keeps in one transaction what was seen and what is to be told of it."""
    memory, before, now = outbox.memory(), outbox.incidents(), time.time()
    rhythm = memory.get("rhythm", {"at": 0.0, "awake_since": now})
    awake_since = rhythm["awake_since"] if now - rhythm["at"] <= PAUSE_SECONDS else now
    still_open = frozenset(key for each in before.values() for key in each.members)
    scene = Scene(instance, settings, tables, now, awake_since, sensors, still_open)
    seen = watches.look_at_all(scene, memory)
    rules = incidents.Rules(settings.alerts_settle_seconds, *([routes.remind_hours] if routes else []))
    after, notices = incidents.step(before, seen.conditions, now, rules)
    told = tuple((message(each, settings.dagster_url), each.incident.first) for each in notices)
    seen.memory["rhythm"] = {"at": now, "awake_since": awake_since}
    router = routes.channels_of if routes else None
    outbox.commit(before, Outcome(after, told, seen.memory), router)
    return scene, seen
