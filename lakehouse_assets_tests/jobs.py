"""The job of a source in this process, as its sensor asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from dagster import DagsterInstance, RunRequest, SkipReason

from lakehouse_assets.engine.kinds import Table
from lakehouse_assets.engine.kinds.source import SourceTable
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.orchestration.pipelines import increment_job
from lakehouse_assets.engine.orchestration.sensors import judge
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.settings import Settings, load


def tick(
    instance: DagsterInstance, settings: Settings, source: SourceTable, tables: Sequence[Table], now: datetime
) -> RunRequest | SkipReason:
    """What one look at the source asks for; raises as `sensors.judge`."""
    return judge(instance, settings, source, tables, now).asked


def run_source(instance: DagsterInstance, source: SourceTable, tables: Sequence[Table]) -> bool | None:
    """One batch of a source through every table below it: whether it succeeded; None where there is nothing to do."""
    asked = tick(instance, load(), source, tables, datetime.now(UTC))
    if isinstance(asked, SkipReason):
        return None
    spark = SparkConnect()
    done = increment_job(source, tables).execute_in_process(
        run_config=asked.run_config,
        instance=instance,
        tags=asked.tags,
        resources={"spark": spark, "delta": DeltaIOManager(spark=spark)},
        raise_on_error=False,
    )
    return done.success
