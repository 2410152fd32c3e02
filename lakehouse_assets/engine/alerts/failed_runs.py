"""Watches runs: a failed one is an incident of its job and table until a later run does that work.

A run that Dagster itself starts again has not failed yet, and one that a stop on purpose cut off has not failed at all.
Of an error only messages of this project are told: what others say may quote a row. A refused batch is told by the
checks that it broke, and not once more as a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from dagster import AssetKey, DagsterEventType, DagsterRun, EventLogEntry, EventLogRecord, RunRecord

from lakehouse_assets import stops
from lakehouse_assets.engine.alerts import event_log
from lakehouse_assets.engine.alerts.conditions import Condition, Look, Scene
from lakehouse_assets.engine.alerts.reasons import is_refusal, why
from lakehouse_assets.engine.flow import sources
from lakehouse_assets.engine.grids import DAILY, GRIDS, partition
from lakehouse_assets.engine.orchestration.hold_checks import is_held
from lakehouse_assets.engine.orchestration.pipeline_log import redact

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
    done: tuple[str, ...] = ()
    """Days of these that it, or a later run, has rebuilt."""
    unit: str = DAILY.unit
    """What a day of the table is called: on another grid it is an hour, a week or a month."""

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Open:
        """What was kept."""
        return cls(**{**body, "done": tuple(body.get("done", ()))})

    @property
    def left(self) -> frozenset[str]:
        """Days that nobody has rebuilt yet."""
        grid = next(grid for grid in GRIDS if grid.unit == self.unit)
        asked = grid.between(partition(self.first), partition(self.last))
        return frozenset(map(str, asked)).difference(self.done)


def look(scene: Scene, memory: Mapping[str, Any]) -> Look:
    """Every run that ended since the last look, in order."""
    storage, cursors, ended = event_log.storage_id(scene.instance), {}, list[EventLogRecord]()
    for event in _EVENTS:
        kept = memory.get("cursors", {}).get(event.value)
        found, cursor = event_log.read(scene.instance, event, event_log.Cursor.from_json(kept, storage), scene.now)
        cursors[event.value] = cursor.to_json()
        ended += found
    undone = {each["key"]: Open.from_json(each) for each in memory.get("undone", [])}
    conditions = [*_told(scene, sorted(ended, key=lambda record: record.storage_id), undone)]
    return Look(conditions, {"cursors": cursors, "undone": [asdict(each) for each in undone.values()]})


def _told(scene: Scene, ended: list[EventLogRecord], undone: dict[str, Open]) -> Iterator[Condition]:
    for record in ended:
        known = scene.instance.get_run_record_by_id(record.run_id)
        if known is None:
            continue
        yield from _recovered(scene, known.dagster_run, record, undone)
        if not _succeeded(record) and not _is_excused(scene, known, record):
            for condition, each in _failures(scene, known.dagster_run, record.timestamp):
                undone[each.key] = _credited(scene, known.dagster_run, each, succeeded=False)
                yield condition


def _recovered(scene: Scene, run: DagsterRun, record: EventLogRecord, undone: dict[str, Open]) -> Iterator[Condition]:
    """Takes out what this run has done of the work that was left undone."""
    succeeded = _succeeded(record)
    for key, each in [*undone.items()]:
        undone[key] = _credited(scene, run, each, succeeded=succeeded)
        if _is_done(run, undone[key], succeeded=succeeded) and not _waits(scene, each):
            del undone[key]
            yield Condition(key, failing=False, at=record.timestamp)


def _waits(scene: Scene, undone: Open) -> bool:
    """Whether the table is held, so that good runs pass it by."""
    return bool(undone.table) and not undone.first and is_held(scene.instance, undone.table)


def _succeeded(record: EventLogRecord) -> bool:
    return record.event_log_entry.get_dagster_event().event_type == DagsterEventType.RUN_SUCCESS


def _is_excused(scene: Scene, known: RunRecord, record: EventLogRecord) -> bool:
    """Whether Dagster starts it again by itself, or a stop on purpose cut it off; it may be found dead much later."""
    began = known.create_timestamp.timestamp()
    will_retry = known.dagster_run.tags.get(_WILL_RETRY) == "true"
    return will_retry or stops.cut_off(scene.settings.home, began, record.timestamp)


def _credited(scene: Scene, run: DagsterRun, undone: Open, *, succeeded: bool) -> Open:
    """With the days that this run rebuilt: a good one all that it was asked for, a failed one what it published."""
    if not undone.first or not _is_about(run, undone):
        return undone
    first, last = _days(run)
    asked = {day for day in undone.left if not first or first <= day <= last}
    rebuilt = asked if succeeded else asked & _published(scene, run, undone.table)
    return replace(undone, done=(*undone.done, *sorted(rebuilt)))


def _is_done(run: DagsterRun, undone: Open, *, succeeded: bool) -> bool:
    """Whether the work that was left undone is done now: by this run, or day by day by several."""
    if undone.first:
        return not undone.left
    return succeeded and _is_about(run, undone) and not _days(run)[0]


def _is_about(run: DagsterRun, undone: Open) -> bool:
    """Whether the run is of the same job and table."""
    selected = run.asset_selection or ()
    about = not undone.table or not selected or AssetKey(undone.table.split("/")) in selected
    return run.job_name == undone.job and about


def _published(scene: Scene, run: DagsterRun, table: str) -> set[str]:
    """The days of a table that a run says it has written."""
    events = scene.instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    found = [entry.asset_materialization for entry in events]
    return {each.partition for each in found if each and each.partition and each.asset_key.to_user_string() == table}


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
        undone = Open(f"run:{run.job_name}:{table}:{days}", run.job_name, table, first, last, unit=_unit(scene, table))
        yield _condition(scene, run, undone, days, reason, at), undone


def _unit(scene: Scene, key: str) -> str:
    return next((table.grid.unit for table in scene.tables if table.key == key), DAILY.unit)


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
        said = event.step_failure_data.user_failure_data
        if said and said.metadata:
            yield from ((key, redact(scene.settings, str(reason.value))) for key, reason in said.metadata.items())
            continue
        if is_refusal(event.step_failure_data.error):
            continue
        yield names.get(event.step_key, event.step_key), why(scene.settings, event.step_failure_data.error)


def _suspect(scene: Scene, run: DagsterRun) -> str:
    """The table that a run was about; empty where it was about several."""
    selected = run.asset_selection or frozenset()
    fed = [source.key for source in sources(scene.tables) if run.tags.get(source.run_tag[0]) == source.run_tag[1]]
    found = {table.key for table in scene.tables if table.asset_key in selected} | {*fed}
    return found.pop() if len(found) == 1 else ""
