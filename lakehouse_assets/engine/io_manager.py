"""The IO manager: translates between Dagster's partitions and the Delta tables on S3. Decides nothing."""

import time
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from dagster import ConfigurableIOManager, InputContext, OutputContext, ResourceDependency
from pyspark.sql import DataFrame

from lakehouse_assets.engine import delta, highlights, metadata
from lakehouse_assets.engine.lake import Lake
from lakehouse_assets.engine.publication import Publication, publish
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.settings import load


class DeltaIOManager(ConfigurableIOManager):
    """Loads tables lazily as Spark DataFrames and commits publications.

    An input of a partitioned run is pruned to the run's days; otherwise it is the whole table. An output is a
    `Publication` (append, merge or replaceWhere, quarantine first), or None for nothing to do. A run without
    partitions logs one materialization per touched day.
    """

    spark: ResourceDependency[SparkConnect]

    def load_input(self, context: InputContext) -> DataFrame:
        """The upstream table: the run's days of it, or all."""
        days = partition_days(context.asset_partition_keys) if context.has_asset_partitions else None
        key = context.asset_key.to_user_string()
        return delta.read(self.spark.spark_session, Lake(load()), key, days=days)

    def handle_output(self, context: OutputContext, obj: Publication | None) -> None:
        """Commits the publication and tells Dagster which days changed."""
        if obj is None:
            context.log.info("Nothing new to publish")
            return
        lake, planned = Lake(load()), time.time()
        highlights.prepare(obj.table)
        commit = publish(self.spark.spark_session, lake, obj)
        seconds = _seconds(context, planned)
        warn = context.log.warning
        report = metadata.report(lake, obj, commit, seconds, warn)
        instance = context.step_context.instance
        once = metadata.run_metadata(report, self.spark.spark_session, lake, instance, warn)
        if context.has_asset_partitions:
            _add_partition_metadata(context, report, once)
            return
        for event in metadata.events(report, once):
            context.log_event(event)


def partition_days(keys: Sequence[str]) -> tuple[date, ...]:
    """Partition keys as dates."""
    return tuple(date.fromisoformat(key) for key in keys)


def _add_partition_metadata(context: OutputContext, report: metadata.Report, once: Mapping[str, Any]) -> None:
    """Dagster makes one event for each partition of the run: each one gets its own day's facts."""
    days = partition_days(context.asset_partition_keys)
    for day in days:
        facts = metadata.day_metadata(report, day) | (dict(once) if day == max(days) else {})
        context.step_context.add_asset_metadata(facts, context.asset_key, day.isoformat())


def _seconds(context: OutputContext, planned: float) -> dict[str, float]:
    """How long the step took until the publication was planned, and to commit it, until now."""
    seconds = {"commit_seconds": round(time.time() - planned, 3)}
    for step in context.step_context.instance.get_run_step_stats(context.run_id, [context.step_key]):
        if step.start_time:
            seconds["plan_seconds"] = round(planned - step.start_time, 3)
    return seconds
