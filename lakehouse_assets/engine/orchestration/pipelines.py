"""The job of a source: one step that carries whatever there is from bronze to gold."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetExecutionContext,
    Config,
    JobDefinition,
    OpDefinition,
    OpExecutionContext,
    Out,
    ResourceParam,
    in_process_executor,
    job,
    op,
)

from lakehouse_assets.engine.flow import sources
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.looks import StandingLake
from lakehouse_assets.engine.orchestration.draining import Drain
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.engine import Engine
from lakehouse_assets.redaction import shielded
from lakehouse_assets.settings import load

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable

SESSION_READY = "Spark session ready after"
MAX_RETRIES_TAG = "dagster/max_retries"
"""None by Dagster: the sensor asks for another run."""


class RunConfig(Config):
    """What the sensor tells a run."""

    dead_runs: list[str] = []  # noqa: RUF012
    """Runs of this source that failed; whatever Spark still does for them is interrupted first."""


def increment_jobs(tables: Sequence[Table]) -> dict[str, JobDefinition]:
    """The job of each source, by the key of its table."""
    return {source.key: increment_job(source, tables) for source in sources(tables)}


def increment_job(source: "SourceTable", tables: Sequence[Table]) -> JobDefinition:
    """The job that works through what the source has, batch after batch, until nothing is left or its time is up."""
    step = _step(source, tables)

    @job(
        name=source.job_name,
        description=f"Takes what is new in {source.origin} from bronze to gold, batch after batch.",
        executor_def=in_process_executor,
        tags={MAX_RETRIES_TAG: "0"},
    )
    def ingest() -> None:
        step()

    return ingest


def engine_of(context: OpExecutionContext | AssetExecutionContext, spark: SparkConnect) -> Engine:
    """The engine for a run."""
    settings, started = load(), time.monotonic()
    session = spark.spark_session
    context.log.debug(f"{SESSION_READY} {time.monotonic() - started:.3f} s")
    return Engine(settings, Lake(settings), session, context.run.run_id)


def _step(source: "SourceTable", tables: Sequence[Table]) -> OpDefinition:
    @op(name=source.name, out=Out(is_required=False), description=source.description)
    def increments(
        context: OpExecutionContext, config: RunConfig, spark: SparkConnect, delta: ResourceParam[DeltaIOManager]
    ) -> Iterator[Any]:
        with shielded():
            for run_id in config.dead_runs:
                spark.interrupt(run_id)
            engine = engine_of(context, spark)
            engine = replace(engine, lake=StandingLake(engine.settings))
            failed_before = bool(config.dead_runs)
            yield from Drain(context, engine, delta, source, tuple(tables), follows_a_failure=failed_before).run()

    return increments
