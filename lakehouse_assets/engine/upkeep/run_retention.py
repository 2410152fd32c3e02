"""Retention of runs: finished runs older than `run_retention_days` go, with their logs, save those still needed.

Deleting a run deletes its materializations too. A run stays while it holds a day's newest materialization of any table
(else Dagster would no longer show the day), or while it is among the newest of its source (the sensor looks at them).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dagster import (
    AssetKey,
    AssetRecordsFilter,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    JobDefinition,
    OpExecutionContext,
    RunsFilter,
    in_process_executor,
    job,
    op,
)

from lakehouse_assets.engine.flow import sources
from lakehouse_assets.engine.orchestration.sensors import RECENT_RUNS
from lakehouse_assets.engine.table import Table
from lakehouse_assets.settings import load

FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_PAGE = 500


def retention_job(tables: Sequence[Table]) -> JobDefinition:
    """The job that deletes old runs."""

    @op(description="Deletes finished runs that nothing needs any more.")
    def delete_old_runs(context: OpExecutionContext) -> None:
        before = newest_end(context.instance) - timedelta(days=load().run_retention_days)
        deleted = delete_runs(context.instance, tables, before)
        context.log.info(f"{deleted} runs that ended before {before:%Y-%m-%d %H:%M} UTC deleted")

    @job(name="prune_runs", description="Retention of Dagster's own runs.", executor_def=in_process_executor)
    def prune_runs() -> None:
        delete_old_runs()

    return prune_runs


def delete_runs(instance: DagsterInstance, tables: Sequence[Table], before: datetime) -> int:
    """Deletes the finished runs last updated before a time, but for those still needed; how many went."""
    kept = needed(instance, tables)
    doomed = [run_id for run_id in finished(instance, before) if run_id not in kept]
    for run_id in doomed:
        delete(instance, run_id)
    return len(doomed)


def newest_end(instance: DagsterInstance) -> datetime:
    """When the newest finished run ended: the age of runs is told by runs, not by this machine's clock."""
    newest = instance.get_run_records(RunsFilter(statuses=FINISHED), limit=1, order_by="update_timestamp")
    return newest[0].update_timestamp.astimezone(UTC) if newest else datetime.min.replace(tzinfo=UTC, year=1970)


def finished(instance: DagsterInstance, before: datetime) -> Iterator[str]:
    """Ids of finished runs, newest first."""
    wanted, cursor = RunsFilter(statuses=FINISHED, updated_before=before), None
    while page := instance.get_run_ids(wanted, cursor=cursor, limit=_PAGE):
        yield from page
        cursor = page[-1]


def needed(instance: DagsterInstance, tables: Sequence[Table]) -> set[str]:
    """Ids of the runs that must stay whatever their age."""
    kept = {run_id for table in tables for run_id in newest_of_days(instance, table.asset_key)}
    for source in sources(tables):
        kept.update(instance.get_run_ids(RunsFilter(tags=dict([source.run_tag])), limit=RECENT_RUNS))
    return kept


def newest_of_days(instance: DagsterInstance, key: AssetKey) -> set[str]:
    """Ids of the runs that hold the newest materialization of a day."""
    storage = instance.event_log_storage
    newest = storage.get_latest_storage_id_by_partition(key, DagsterEventType.ASSET_MATERIALIZATION)
    return {run_id for ids in _pages([*newest.values()]) for run_id in _runs(instance, key, ids)}


def _runs(instance: DagsterInstance, key: AssetKey, storage_ids: Sequence[int]) -> Iterator[str]:
    wanted = AssetRecordsFilter(asset_key=key, storage_ids=storage_ids)
    yield from (record.run_id for record in instance.fetch_materializations(wanted, limit=_PAGE).records)


def _pages(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))


def delete(instance: DagsterInstance, run_id: str) -> None:
    """Deletes a run, its events, and what it left on disk."""
    instance.delete_run(run_id)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    if shard := _shard(instance.event_log_storage, run_id):
        shard.unlink(missing_ok=True)


def _shard(storage: Any, run_id: str) -> Path | None:
    """The file of the run's own events, where Dagster keeps one for each run (SQLite)."""
    return Path(storage.path_for_shard(run_id)) if hasattr(storage, "path_for_shard") else None
