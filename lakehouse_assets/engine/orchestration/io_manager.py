"""The IO manager: translates between Dagster's partitions and the Delta tables on S3. Decides nothing."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from dagster import (
    AssetMaterialization,
    ConfigurableIOManager,
    DagsterEvent,
    Failure,
    InputContext,
    OutputContext,
    ResourceDependency,
)
from pyspark.sql import DataFrame

from lakehouse_assets.engine.display import highlights, metadata
from lakehouse_assets.engine.grids import Partition, partition
from lakehouse_assets.engine.history import holds
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.orchestration import checks, hold_checks, holding, pipeline_log
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.writing import delta
from lakehouse_assets.engine.writing.publication import Publication, RefusedError, publish_planned
from lakehouse_assets.engine.writing.rebuilds import Rebuild
from lakehouse_assets.redaction import shielded
from lakehouse_assets.settings import Settings, load


class DeltaIOManager(ConfigurableIOManager):
    """Loads tables lazily as Spark DataFrames and commits publications.

    An input of a partitioned run is pruned to the run's days; otherwise it is the whole table. An output is a
    `Publication` (append, merge or replaceWhere, quarantine first), a `Rebuild` of several, or None for nothing to
    do. A run without partitions logs one materialization per touched day; in a run over days each day's
    materialization gets the metadata of the commit that holds it.
    """

    spark: ResourceDependency[SparkConnect]

    def load_input(self, context: InputContext) -> DataFrame:
        """The upstream table: the run's days of it, or all."""
        days = partitions_of(context.asset_partition_keys) if context.has_asset_partitions else None
        key, lake = context.asset_key.to_user_string(), Lake(load())
        with shielded():
            where = "" if days is None else lake.grid(key).where(days)
            return delta.read(self.spark.spark_session, lake, key, where=where)

    def handle_output(  # type: ignore[override]  # Dagster takes a generator of events as well
        self, context: OutputContext, obj: Publication | Rebuild | None
    ) -> Iterator[DagsterEvent]:
        """Commits each publication and tells Dagster which days changed; of refused days, which rules they broke."""
        with shielded():
            yield from self._handled(context, obj)

    def _handled(self, context: OutputContext, obj: Publication | Rebuild | None) -> Iterator[DagsterEvent]:
        committed: list[AssetMaterialization] = []
        try:
            for publication in [obj] if isinstance(obj, Publication) else obj or ():
                last = obj is publication or _is_last(obj, publication)
                committed += self._commit(context, publication, worth_a_look=last)
        except RefusedError as error:
            assert isinstance(obj, Rebuild)
            yield from _told(context, obj, error, committed)
            raise Failure(str(error), allow_retries=False) from error
        except Exception:
            if isinstance(obj, Publication):
                yield from _held(context, obj)
            raise

    def _commit(
        self, context: OutputContext, publication: Publication, worth_a_look: bool
    ) -> list[AssetMaterialization]:
        settings, planned, warn = load(), time.time(), context.log.warning
        lake = Lake(settings)
        highlights.prepare(publication.table)
        with _recorded(settings, publication):
            published = publish_planned(self.spark.spark_session, lake, publication)
        if published is None:
            return []
        publication, commit = published
        pipeline_log.committed(settings, publication, commit, time.time() - planned)
        report = metadata.report(lake, publication, commit, _seconds(context, planned), warn)
        instance, once = context.step_context.instance, {}
        if worth_a_look:
            once = metadata.run_metadata(report, self.spark.spark_session, lake, instance, warn)
        events = [*metadata.events(report, once)]
        for event in events:
            _tell(context, event)
        for event in metadata.quarantine_events(publication):
            context.log_event(event)
        return events


def _tell(context: OutputContext, event: AssetMaterialization) -> None:
    """What an asset's own run materializes Dagster reports by itself; of that it wants the metadata."""
    if context.has_asset_partitions:
        context.step_context.add_asset_metadata(event.metadata, partition_key=event.partition)
    elif context.has_asset_key:
        context.add_output_metadata(event.metadata)
    else:
        context.log_event(event)


def _recorded(settings: Settings, publication: Publication) -> AbstractContextManager[None]:
    """A batch that cannot be written holds its table; a rebuild has somebody who looks at it."""
    if publication.statement.kind != "increment":
        return nullcontext()
    return holding.recording(settings, publication.table, publication.statement.run_id)


def _held(context: OutputContext, publication: Publication) -> Iterator[DagsterEvent]:
    """The verdict that the table is held, where the write was recorded as such."""
    table = publication.table
    if hold := holds.read(load(), table.key).get(table.key):
        for verdict in hold_checks.verdicts(table, (), hold):
            yield DagsterEvent.asset_check_evaluation(context.step_context, verdict)


def _told(
    context: OutputContext, rebuild: Rebuild, error: RefusedError, committed: Sequence[AssetMaterialization]
) -> Iterator[DagsterEvent]:
    """The days that were published although others were refused, and each day's verdicts."""
    for event in committed:
        context.log_event(event)
    by_partition = checks.by_partition(rebuild.table, error.audit, rebuild.days)
    for verdict in (*by_partition, *checks.evaluations(rebuild.table, error.audit)):
        yield DagsterEvent.asset_check_evaluation(context.step_context, verdict)


def _is_last(rebuild: object, publication: Publication) -> bool:
    return isinstance(rebuild, Rebuild) and publication.statement.days == rebuild.pieces[-1]


def partitions_of(keys: Sequence[str]) -> tuple[Partition, ...]:
    """Dagster's partition keys as partitions."""
    return tuple(map(partition, keys))


def _seconds(context: OutputContext, planned: float) -> dict[str, float]:
    """How long the step took until the publication was planned, and to commit it, until now."""
    seconds = {"commit_seconds": round(time.time() - planned, 3)}
    for step in context.step_context.instance.get_run_step_stats(context.run_id, [context.step_key]):
        if step.start_time:
            seconds["plan_seconds"] = round(planned - step.start_time, 3)
    return seconds
