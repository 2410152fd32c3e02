"""The IO manager: translates between Dagster's partitions and the Delta tables on S3. Decides nothing."""

import time
from collections.abc import Sequence
from datetime import date
from typing import Any

from dagster import (
    AssetMaterialization,
    ConfigurableIOManager,
    InputContext,
    MetadataValue,
    OutputContext,
    ResourceDependency,
)
from pyspark.sql import DataFrame

from lakehouse_assets.engine import delta, pipeline_log
from lakehouse_assets.engine.lake import Lake
from lakehouse_assets.engine.ledger import Commit
from lakehouse_assets.engine.position import Position
from lakehouse_assets.engine.provenance import position_table
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
        settings, started = load(), time.monotonic()
        commit = publish(self.spark.spark_session, Lake(settings), obj)
        seconds = time.monotonic() - started
        pipeline_log.committed(settings, obj, commit, seconds)
        if context.has_asset_partitions:
            context.add_output_metadata(materialization_metadata(obj, commit, seconds))
            return
        for day in obj.statement.days:
            context.log_event(day_materialization(obj, commit, day, seconds))


def partition_days(keys: Sequence[str]) -> tuple[date, ...]:
    """Partition keys as dates."""
    return tuple(date.fromisoformat(key) for key in keys)


def materialization_metadata(publication: Publication, commit: Commit, seconds: float) -> dict[str, Any]:
    """What a run says of the commit it made."""
    position = publication.statement.position or publication.before.position
    return commit_metadata(commit, position) | {
        "dagster/row_count": sum(publication.rows_by_day.values()),
        "commit_seconds": round(seconds, 3),
    }


def day_materialization(publication: Publication, commit: Commit, day: date, seconds: float) -> AssetMaterialization:
    """The event for one touched day."""
    metadata = materialization_metadata(publication, commit, seconds)
    metadata["dagster/partition_row_count"] = publication.rows_by_day.get(day, 0)
    del metadata["dagster/row_count"]
    return AssetMaterialization(publication.table.asset_key, partition=day.isoformat(), metadata=metadata)


def commit_metadata(commit: Commit, position: Position) -> dict[str, Any]:
    """What is true of a commit whoever reports it."""
    return {"delta_version": commit.version, "position": MetadataValue.md(position_table(position))}
