"""The job that carries one source's batches from bronze to gold: one op for each table, in the order of the flow."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetExecutionContext,
    Config,
    In,
    JobDefinition,
    Nothing,
    OpDefinition,
    OpExecutionContext,
    Out,
    Output,
    in_process_executor,
    job,
    op,
)

from lakehouse_assets.engine.flow import below, sources
from lakehouse_assets.engine.history import holds
from lakehouse_assets.engine.history.looks import StandingLake
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.orchestration import checks, hold_checks, holding
from lakehouse_assets.engine.orchestration.pipeline_log import failures_of
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.engine import LATER, Batch, Engine
from lakehouse_assets.engine.writing.publication import Publication, RefusedError, in_turn
from lakehouse_assets.redaction import shielded
from lakehouse_assets.settings import load

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable

SESSION_READY = "Spark session ready after"
MAX_RETRIES_TAG = "dagster/max_retries"
"""None by Dagster: the sensor plans a failed batch anew."""
Plan = Callable[[], Publication | None]
_OUT = {"publication": Out(io_manager_key="delta")}


class BatchConfig(Config):
    """What the sensor froze for a run."""

    slices: list[list[Any]] = []  # noqa: RUF012
    """Each as `[topic_id, partition, start, end]`; none lets the later layers catch up with bronze."""
    planned_at: str
    """ISO time of the plan: the calendar is the one of that moment, also in a retry."""
    dead_runs: list[str] = []  # noqa: RUF012
    """Runs of this source that failed; whatever Spark still does for them is interrupted first."""

    def batch(self) -> Batch:
        """As the engine takes it."""
        return Batch(tuple(Slice(*part) for part in self.slices), datetime.fromisoformat(self.planned_at))


def increment_jobs(tables: Sequence[Table]) -> dict[str, JobDefinition]:
    """The job of each source, by the key of its table; a table of several sources is one op that their jobs share."""
    ops = {table.key: _later_op(table, tables) for table in tables if table not in table.sources}
    return {source.key: increment_job(source, tables, ops) for source in sources(tables)}


def increment_job(
    source: "SourceTable", tables: Sequence[Table], ops: Mapping[str, OpDefinition] | None = None
) -> JobDefinition:
    """The job that works through one frozen batch of the source; `ops` by the tables' keys."""
    later, first = below(source, tables), _land_op(source, tables)
    known = ops or {table.key: _later_op(table, tables) for table in later}

    @job(
        name=f"ingest_{source.origin_name}",
        description=f"Takes one frozen batch of {source.origin} from bronze to gold.",
        executor_def=in_process_executor,
        tags={MAX_RETRIES_TAG: "0"},
    )
    def ingest() -> None:
        done = {source.key: first.with_hooks({failures_of(source.key)})()}
        for table in later:
            step = known[table.key].with_hooks({failures_of(table.key)})
            done[table.key] = step([done[each.key] for each in table.upstreams if each.key in done])

    return ingest


def engine_of(context: OpExecutionContext | AssetExecutionContext, spark: SparkConnect) -> Engine:
    """The engine for a run."""
    settings, started = load(), time.monotonic()
    session = spark.spark_session
    context.log.debug(f"{SESSION_READY} {time.monotonic() - started:.3f} s")
    return Engine(settings, StandingLake(settings), session, context.run.run_id)


def _land_op(table: "SourceTable", tables: Sequence[Table]) -> OpDefinition:
    @op(name=table.name, out=_OUT, description=table.description)
    def land(context: OpExecutionContext, config: BatchConfig, spark: SparkConnect) -> Iterator[Any]:
        with shielded():
            for run_id in config.dead_runs:
                spark.interrupt(run_id)
            engine = engine_of(context, spark)
            yield from _taken(context, engine, table, tables, lambda: table.increment(engine, config.batch()))

    return land


def _later_op(table: Table, tables: Sequence[Table]) -> OpDefinition:
    @op(name=table.name, ins={"after": In(Nothing)}, out=_OUT, description=table.description)
    def later(context: OpExecutionContext, spark: SparkConnect) -> Iterator[Any]:
        with shielded():
            engine = engine_of(context, spark)
            yield from _taken(context, engine, table, tables, lambda: table.increment(engine, LATER))

    return later


def _taken(
    context: OpExecutionContext, engine: Engine, table: Table, tables: Sequence[Table], plan: Plan
) -> Iterator[Any]:
    """The table's batch, unless the table is held: then it passes the batch by, so that the others go on."""
    settings = engine.settings
    recorded = holds.read(settings, table.key).get(table.key)
    if recorded is not None and holding.stands(settings, table, recorded):
        context.log.warning(holding.shown(settings, recorded))
        yield Output(None, "publication")
        return
    try:
        yield from _published(engine, table, plan)
    except Exception:
        yield from hold_checks.verdicts(table, tables, holds.read(settings, table.key).get(table.key))
        raise
    if recorded is not None:
        holds.clear(settings, table.key)
        yield from hold_checks.verdicts(table, tables, None)


def _published(engine: Engine, table: Table, plan: Plan) -> Iterator[Any]:
    """The publication for the IO manager, then the verdict of each rule; the verdicts alone when it is refused."""
    try:
        with holding.recording(engine.settings, table, engine.run_id):
            publication = in_turn(engine.lake, table, plan)
    except RefusedError as error:
        yield from checks.evaluations(table, error.audit, do=error.do)
        raise
    yield Output(publication, "publication")
    if publication is not None:
        yield from checks.evaluations(table, publication.audit)
