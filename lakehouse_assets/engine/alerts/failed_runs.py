"""Watches runs: a failed one is an incident of its job and table until a later run does that work.

A run that Dagster itself starts again has not failed yet, and one that a stop on purpose cut off has not failed at all.
Of an error only messages of this project are told: what others say may quote a row. A refused batch is told by the
checks that it broke, and not once more as a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dagster import AssetKey, DagsterEventType, DagsterRun, EventLogEntry, EventLogRecord, RunRecord

from lakehouse_assets import stops
from lakehouse_assets.engine.alerts import event_log
from lakehouse_assets.engine.alerts.conditions import Condition, Look, Scene
from lakehouse_assets.engine.alerts.reasons import is_refusal, why
from lakehouse_assets.engine.tables import SourceTable, Table

_ASSET_JOB = "__ASSET_JOB"
_WILL_RETRY = "dagster/will_retry"
_DAY = "dagster/partition"
_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_EVENTS = (DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_SUCCESS)


@dataclass(frozen=True)
class Open:
    """Work that a run left undone."""

    key: str
    job: str
    table: str
    """Empty where the run died before it could say."""
    first: str
    last: str
    """Days it was to rebuild; empty for all."""


def look(scene: Scene, memory: Mapping[str, Any]) -> Look:
    """Every run that ended since the last look, in order."""
    storage, cursors, ended = event_log.storage_id(scene.instance), {}, list[EventLogRecord]()
    for event in _EVENTS:
        kept = memory.get("cursors", {}).get(event.value)
        found, cursor = event_log.read(scene.instance, event, event_log.Cursor.from_json(kept, storage), scene.now)
        cursors[event.value] = cursor.to_json()
        ended += found
    undone = {each["key"]: Open(**each) for each in memory.get("undone", [])}
    conditions = [*_told(scene, sorted(ended, key=lambda record: record.storage_id), undone)]
    return Look(conditions, {"cursors": cursors, "undone": [asdict(each) for each in undone.values()]})


def _told(scene: Scene, ended: list[EventLogRecord], undone: dict[str, Open]) -> Iterator[Condition]:
    for record in ended:
        known = scene.instance.get_run_record_by_id(record.run_id)
        if known is None:
            continue
        run = known.dagster_run
        if record.event_log_entry.get_dagster_event().event_type == DagsterEventType.RUN_SUCCESS:
            for key in [key for key, each in undone.items() if _does(run, each)]:
                del undone[key]
                yield Condition(key, failing=False, at=record.timestamp)
        elif run.tags.get(_WILL_RETRY) != "true" and not _cut_off(scene, known, record.timestamp):
            for condition, each in _failures(scene, run, record.timestamp):
                undone[each.key] = each
                yield condition


def _cut_off(scene: Scene, known: RunRecord, ended: float) -> bool:
    """Whether somebody stopped the services while it was at work; it may be found dead only after the next start."""
    return stops.cut_off(scene.settings.home, known.create_timestamp.timestamp(), ended)


def _does(run: DagsterRun, undone: Open) -> bool:
    """Whether a good run did the work that was left undone."""
    if run.job_name != undone.job:
        return False
    selected = run.asset_selection or ()
    if undone.table and selected and AssetKey(undone.table.split("/")) not in selected:
        return False
    first, last = _days(run)
    return not first or bool(undone.first and first <= undone.first and undone.last <= last)


def _days(run: DagsterRun) -> tuple[str, str]:
    day = run.tags.get(_DAY, "")
    return run.tags.get(_FIRST, day), run.tags.get(_LAST, day)


def _failures(scene: Scene, run: DagsterRun, at: float) -> Iterator[tuple[Condition, Open]]:
    """One for each step that failed; one for a run that died without saying which."""
    failed = [entry.get_dagster_event() for entry in _step_failures(scene, run)]
    steps = dict(_told_steps(scene, failed))
    for table, reason in (steps if failed else {_suspect(scene, run): "it ended without an error of a step"}).items():
        first, last = _days(run)
        days = "" if not first else first if first == last else f"{first} to {last}"
        undone = Open(f"run:{run.job_name}:{table}:{days}", run.job_name, table, first, last)
        yield _condition(scene, run, undone, days, reason, at), undone


def _condition(scene: Scene, run: DagsterRun, undone: Open, days: str, reason: str, at: float) -> Condition:
    job = "rebuild" if run.job_name == _ASSET_JOB else run.job_name
    return Condition(
        key=undone.key,
        failing=True,
        at=at,
        kind="run",
        subject=undone.table or job,
        table=undone.table,
        rule=job,
        partition=days,
        owner=scene.owner(undone.table),
        says=f"run of {job} failed",
        over=f"run of {job} succeeded",
        facts=(("run", run.run_id), ("error", reason)),
        link=f"/runs/{run.run_id}",
    )


def _step_failures(scene: Scene, run: DagsterRun) -> Sequence[EventLogEntry]:
    return scene.instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE)


def _told_steps(scene: Scene, failed: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """(table or step, reason)."""
    names = {name: table.key for table in scene.tables for name in (table.name, "__".join(table.asset_key.path))}
    for event in failed:
        if is_refusal(event.step_failure_data.error):
            continue
        yield names.get(event.step_key, event.step_key), why(scene.settings, event.step_failure_data.error)


def _suspect(scene: Scene, run: DagsterRun) -> str:
    """The table that a run was about; empty where it was about several."""
    selected = run.asset_selection or frozenset()
    found = [table.key for table in scene.tables if table.asset_key in selected or _feeds(run, table)]
    return found[0] if len(found) == 1 else ""


def _feeds(run: DagsterRun, table: Table) -> bool:
    return isinstance(table, SourceTable) and run.tags.get(table.run_tag[0]) == table.run_tag[1]
