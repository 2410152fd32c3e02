"""The reconciler: tells Dagster of commits that no run reported, so that its picture converges to the tables' truth."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetRecordsFilter,
    DagsterInstance,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from lakehouse_assets.engine.display.metadata import commit_metadata
from lakehouse_assets.engine.grids import Partition, ordered
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Commit
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.remembered import RememberedLake
from lakehouse_assets.engine.orchestration import beginnings, instances, webserver
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.redaction import shielded
from lakehouse_assets.settings import Settings, load

_INTERVAL_SECONDS = 10
_PAGE = 1000

Seen = dict[str, int]
"""For one table: `version` reconciled so far, and the `storage_id` of the newest event looked at; for a view the
versions of what it is over, by key."""


class Told(NamedTuple):
    """What Dagster knows of a commit."""

    version: int
    partition: str
    storage_id: int


def reconciler(tables: Sequence[Table], views: Sequence[Table], settings: Settings) -> SensorDefinition:
    """The sensor that reconciles all tables, views and the partitions with which these definitions were loaded."""
    loaded = beginnings.read(settings)

    @sensor(
        name="reconcile_tables",
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Reports commits to Dagster that no run reported, e.g. because it was killed in between.",
    )
    def reconcile(context: SensorEvaluationContext) -> SensorResult:
        nonlocal loaded
        with shielded():
            found = _reconciled(context, tables, views)
            loaded = _loaded_anew(load(), loaded)
            return found

    return reconcile


def _reconciled(context: SensorEvaluationContext, tables: Sequence[Table], views: Sequence[Table]) -> SensorResult:
    cursor: dict[str, Seen] = json.loads(context.cursor or "{}")
    settings, events, instance = load(), list[AssetMaterialization](), instances.of(context)
    lake, known = RememberedLake(settings), beginnings.read(settings)
    try:
        changed = [each for each in tables if _has_changed(lake, each, cursor.get(each.key)) or each.key not in known]
        for table in tables:
            found, cursor[table.key] = missing(instance, lake, table, cursor.get(table.key))
            events += found
        for view in views:
            found, cursor[view.key] = answered_anew(lake, view, cursor.get(view.key))
            events += found
        beginnings.note(settings, lake, changed)
    except UnavailableError as error:
        return SensorResult(skip_reason=str(error), cursor=context.cursor)
    reason = None if events else "every commit is known to Dagster"
    return SensorResult(skip_reason=reason, asset_events=events, cursor=json.dumps(cursor))


def _has_changed(lake: Lake, table: Table, seen: Seen | None) -> bool:
    return seen is None or lake.version(table.key) != seen["version"]


def _loaded_anew(settings: Settings, loaded: beginnings.Beginnings) -> beginnings.Beginnings:
    """Has Dagster load the definitions anew where tables begin in other months than it knows; what it knows now.

    Once for each change: this process may go on where another one serves the new definitions.
    """
    noted = beginnings.read(settings)
    if not settings.dagster_url or noted == loaded:
        return loaded
    try:
        webserver.reload(settings.dagster_url)
    except UnavailableError:
        return loaded
    return noted


def answered_anew(lake: Lake, view: Table, seen: Seen | None) -> tuple[list[AssetMaterialization], Seen]:
    """An event of a view where what it is over has changed: its answer has, and Dagster shows when."""
    now = {each.key: lake.version(each.key) for each in view.upstreams}
    if now == seen or all(version < 0 for version in now.values()):
        return [], now
    over = {f"version of {key}": version for key, version in now.items()}
    return [AssetMaterialization(view.asset_key, metadata=over | {"reported_by": "reconciler"})], now


def missing(
    instance: DagsterInstance, lake: Lake, table: Table, seen: Seen | None
) -> tuple[list[AssetMaterialization], Seen]:
    """Events for days that changed unreported, and how far this look went."""
    newest = lake.version(table.key)
    if seen is None or newest < seen["version"]:  # there is no memory, or the table was made anew
        return _first_look(instance, lake, table)
    if newest == seen["version"]:
        return [], seen
    settled = [*takewhile(lambda each: not _in_progress(instance, each), _newer(lake, table.key, seen["version"]))]
    version = settled[-1].version if settled else seen["version"]
    events = _events_after(instance, table.asset_key, seen["storage_id"])  # after the look at the runs: all is told
    reported = {(each.version, each.partition) for each in events}
    found = [event for commit in settled for event in _unreported(table, commit, reported)]
    return found, {"version": version, "storage_id": _up_to(version, events, seen["storage_id"])}


def _first_look(instance: DagsterInstance, lake: Lake, table: Table) -> tuple[list[AssetMaterialization], Seen]:
    """Without a memory (a new or deleted Dagster home) the table's own days are the truth."""
    version = lake.version(table.key)
    known = instance.get_materialized_partitions(table.asset_key)
    days = ordered(day for day in lake.days(table.key) if table.grid.key(day) not in known)
    ledger = lake.ledger(table.key)
    commit = Commit(ledger.version, 0, "", None)
    events = [_event(table, commit, ledger.position, day) for day in days]
    told = _events_after(instance, table.asset_key, 0)
    return events, {"version": version, "storage_id": _up_to(version, told, 0)}


def _newer(lake: Lake, key: str, version: int) -> list[Commit]:
    newer = []
    for commit in lake.commits(key):
        if commit.version <= version:
            break
        newer.append(commit)
    return newer[::-1]


def _in_progress(instance: DagsterInstance, commit: Commit) -> bool:
    run = instance.get_run_by_id(commit.statement.run_id) if commit.statement else None
    return run is not None and not run.is_finished


def _unreported(table: Table, commit: Commit, reported: Iterable[tuple[int, str]]) -> list[AssetMaterialization]:
    statement = commit.statement
    if statement is None:
        return []
    days = [day for day in statement.days if (commit.version, str(table.grid.key(day))) not in reported]
    return [_event(table, commit, statement.position or Position(), day) for day in days]


def _event(table: Table, commit: Commit, position: Position, day: Partition) -> AssetMaterialization:
    metadata = commit_metadata(commit, position) | {"reported_by": "reconciler"}
    return AssetMaterialization(table.asset_key, partition=table.grid.key(day), metadata=metadata)


def _up_to(version: int, events: Sequence[Told], before: int) -> int:
    """The newest storage id before the first event of a later version: its commit is yet to be looked at."""
    later = [each.storage_id - 1 for each in events if each.version > version]
    return min(later, default=max([before, *(each.storage_id for each in events)]))


def _events_after(instance: DagsterInstance, key: AssetKey, after: int) -> list[Told]:
    """Every materialization after a storage id, oldest first."""
    found: list[Told] = []
    while True:
        wanted = AssetRecordsFilter(asset_key=key, after_storage_id=found[-1].storage_id if found else after)
        page = instance.fetch_materializations(wanted, limit=_PAGE, ascending=True).records
        found += [
            Told(_delta_version(each.asset_materialization), str(each.partition_key), each.storage_id) for each in page
        ]
        if len(page) < _PAGE:
            return found


def _delta_version(event: Any) -> int:
    entry = event.metadata.get("delta_version") if event else None
    return int(entry.value) if entry is not None else -1
