"""Maintenance of the tables: compaction and vacuum of each table and its quarantine, as a job with a schedule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dagster import (
    AssetObservation,
    DefaultScheduleStatus,
    JobDefinition,
    OpExecutionContext,
    ScheduleDefinition,
    in_process_executor,
    job,
    op,
)
from pyspark.errors import PySparkException

from lakehouse_assets.engine.history import clock
from lakehouse_assets.engine.orchestration.pipelines import engine_of
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.upkeep.compaction import compact, crowded
from lakehouse_assets.engine.upkeep.restating import forget, restate
from lakehouse_assets.engine.upkeep.vacuum import require_clocks, require_retention, vacuum
from lakehouse_assets.engine.writing import delta
from lakehouse_assets.engine.writing.engine import Engine
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class Upkeep:
    """What maintenance did to one table or quarantine, or would do in a dry run."""

    key: str
    files_before: int = 0
    """Small files of the days that were compacted."""
    files_after: int = 0
    deleted: int = 0
    """Files that no kept version needs."""
    skipped: tuple[str, ...] = ()
    """What was not done, and why."""
    is_restated: bool = False
    """Whether the position was said again."""

    @property
    def line(self) -> str:
        """For logs and terminals."""
        compacted = f"{self.files_before} small files into {self.files_after}" if self.files_before else ""
        deleted = f"{self.deleted} old files deleted" if self.deleted else ""
        restated = "position said again" if self.is_restated else ""
        done = [each for each in (restated, compacted, deleted, *self.skipped) if each]
        return f"{self.key}: {'; '.join(done) or 'nothing to do'}"


def maintain(engine: Engine, table: Table, tables: Sequence[Table], *, dry_run: bool = False) -> Iterator[Upkeep]:
    """Restates, compacts, vacuums a table and its quarantine and cleans their logs; no position moves."""
    for key in (table.key, table.quarantine):
        target = delta.Target(engine.spark, engine.lake, key)
        if target.exists():
            yield _upkeep(engine, target, table, tables, dry_run)


def _upkeep(engine: Engine, target: delta.Target, table: Table, tables: Sequence[Table], dry_run: bool) -> Upkeep:
    since, is_restated = engine.lake.version(target.key), not dry_run and restate(target, table, engine.run_id)
    crowds = crowded(engine.lake, target.key, engine.settings)
    before, after, skipped = sum(each.files for each in crowds), len(crowds), list[str]()
    if not dry_run:
        done = [*compact(target, crowds)]
        before, after = sum(each.removed for each in done), sum(each.added for each in done)
        skipped += [each.gave_up for each in done if each.gave_up]
    deleted, refused = _vacuum(engine, target, table, tables, dry_run)
    if not dry_run:
        refused += _forget(engine, target, since)
    return Upkeep(target.key, before, after, deleted, (*skipped, *refused), is_restated)


def _forget(engine: Engine, target: delta.Target, since: int) -> tuple[str, ...]:
    """Why the log was not cleaned; it is this process whose clock judges log entries to be old."""
    try:
        clock.require_right(engine.settings, "this machine's", lambda: datetime.now(UTC))
    except LakehouseError as refused:
        return (f"log not cleaned: {refused}",)
    forget(engine.lake, target.key, since)
    return ()


def _vacuum(
    engine: Engine, target: delta.Target, table: Table, tables: Sequence[Table], dry_run: bool
) -> tuple[int, tuple[str, ...]]:
    """(files deleted, why not)."""
    settings = engine.settings
    try:
        require_clocks(target)
        require_retention(engine.lake, table, tables, settings)
        return vacuum(target, settings.vacuum_retention_days, dry_run=dry_run), ()
    except LakehouseError as refused:
        return 0, (f"not vacuumed: {refused}",)


def maintenance_job(tables: Sequence[Table]) -> JobDefinition:
    """The job that maintains every table; one that fails does not keep the others from it."""

    @op(description="Compacts crowded days and deletes files that no kept version needs.")
    def maintain_each(context: OpExecutionContext, spark: SparkConnect) -> None:
        engine, failed = engine_of(context, spark), []
        for table in tables:
            try:
                _observe(context, table, [*maintain(engine, table, tables)])
            except (LakehouseError, PySparkException) as error:
                failed.append(f"{table.key}: {str(error).splitlines()[0]}")
        if failed:
            raise LakehouseError("; ".join(failed), where="maintenance", do="The next maintenance tries again")

    @job(name="maintain_tables", description="Compaction and vacuum of every table.", executor_def=in_process_executor)
    def maintain_tables() -> None:
        maintain_each()

    return maintain_tables


def _observe(context: OpExecutionContext, table: Table, done: Sequence[Upkeep]) -> None:
    """An observation, not a materialization: no day's rows have changed."""
    for each in done:
        context.log.info(each.line)
    if done:
        context.log_event(AssetObservation(table.asset_key, metadata={each.key: each.line for each in done}))


def daily(work: JobDefinition, settings: Settings) -> ScheduleDefinition:
    """The schedule of a maintenance job; running from the start."""
    return ScheduleDefinition(
        name=f"{work.name}_daily",
        job=work,
        cron_schedule=settings.maintenance_cron,
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING,
    )
