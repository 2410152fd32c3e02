"""The IO manager: translates between Dagster's partitions and the Delta tables on S3. Decides nothing."""

import time
from collections.abc import Iterator, Sequence

from dagster import (
    AssetMaterialization,
    ConfigurableIOManager,
    DagsterEvent,
    Failure,
    InputContext,
    OutputContext,
    ResourceDependency,
)
from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.engine.display import highlights, metadata
from lakehouse_assets.engine.grids import Partition, partition
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Commit
from lakehouse_assets.engine.orchestration import checks, pipeline_log
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.writing import delta
from lakehouse_assets.engine.writing.publication import Publication, RefusedError, publish_planned
from lakehouse_assets.engine.writing.rebuilds import Rebuild
from lakehouse_assets.redaction import shielded
from lakehouse_assets.settings import load


class DeltaIOManager(ConfigurableIOManager):
    """Loads tables lazily as Spark DataFrames and commits publications.

    An input of a partitioned run is pruned to the run's days; otherwise it is the whole table. An output is a
    `Rebuild`, in pieces: each day's materialization gets the metadata of the commit that holds it. What a run takes in
    as it comes goes through the same door, by `commit`: append, merge or replaceWhere, quarantine first.
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
        self, context: OutputContext, obj: Rebuild
    ) -> Iterator[DagsterEvent]:
        """Commits each piece and tells Dagster which days changed; of refused days, which rules they broke."""
        committed: list[AssetMaterialization] = []
        with shielded():
            try:
                for publication in obj:
                    committed += self._commit(context, publication, worth_a_look=_is_last(obj, publication))
            except RefusedError as error:
                yield from _told(context, obj, error, committed)
                raise Failure(str(error), allow_retries=False) from error

    def commit(self, spark: SparkSession, lake: Lake, publication: Publication) -> tuple[Publication, Commit] | None:
        """Commits it, or what is planned anew in its place where another commit came first; None for nothing left."""
        began = time.monotonic()
        published = publish_planned(spark, lake, publication)
        if published is not None:
            pipeline_log.committed(lake.settings, *published, time.monotonic() - began)
        return published

    def _commit(
        self, context: OutputContext, publication: Publication, worth_a_look: bool
    ) -> list[AssetMaterialization]:
        planned, warn, lake = time.time(), context.log.warning, Lake(load())
        highlights.prepare(publication.table)
        published = self.commit(self.spark.spark_session, lake, publication)
        if published is None:
            return []
        publication, commit = published
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
    else:
        context.add_output_metadata(event.metadata)


def _told(
    context: OutputContext, rebuild: Rebuild, error: RefusedError, committed: Sequence[AssetMaterialization]
) -> Iterator[DagsterEvent]:
    """The days that were published although others were refused, and each day's verdicts."""
    for event in committed:
        context.log_event(event)
    by_partition = checks.by_partition(rebuild.table, error.audit, rebuild.days)
    for verdict in (*by_partition, *checks.evaluations(rebuild.table, error.audit)):
        yield DagsterEvent.asset_check_evaluation(context.step_context, verdict)


def _is_last(rebuild: Rebuild, publication: Publication) -> bool:
    return publication.statement.days == rebuild.pieces[-1]


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
