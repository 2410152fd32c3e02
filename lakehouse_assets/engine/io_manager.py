"""The IO manager: translates between Dagster's partitions and the Delta tables on S3. Decides nothing."""

import time
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from dagster import (
    AssetMaterialization,
    ConfigurableIOManager,
    DagsterEvent,
    InputContext,
    MetadataValue,
    OutputContext,
    ResourceDependency,
)
from dagster._core.definitions.data_version import CODE_VERSION_TAG
from pyspark.sql import DataFrame

from lakehouse_assets.engine import checks, delta
from lakehouse_assets.engine.lake import Lake
from lakehouse_assets.engine.ledger import Commit
from lakehouse_assets.engine.position import Position
from lakehouse_assets.engine.provenance import position_table
from lakehouse_assets.engine.publication import Publication, RefusedError, publish
from lakehouse_assets.engine.rebuilds import Rebuild
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.settings import load


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
        days = partition_days(context.asset_partition_keys) if context.has_asset_partitions else None
        key = context.asset_key.to_user_string()
        return delta.read(self.spark.spark_session, Lake(load()), key, days=days)

    def handle_output(  # type: ignore[override]  # Dagster takes a generator of events as well
        self, context: OutputContext, obj: Publication | Rebuild | None
    ) -> Iterator[DagsterEvent]:
        """Commits each publication and tells Dagster which days changed; of a refused one, which rules it broke."""
        try:
            for publication in [obj] if isinstance(obj, Publication) else obj or ():
                started = time.monotonic()
                commit = publish(self.spark.spark_session, Lake(load()), publication)
                self._tell(context, publication, commit, time.monotonic() - started)
        except RefusedError as error:
            assert isinstance(obj, Rebuild)
            for verdict in checks.evaluations(obj.table, error.audit):
                yield DagsterEvent.asset_check_evaluation(context.step_context, verdict)
            raise

    def _tell(self, context: OutputContext, publication: Publication, commit: Commit, seconds: float) -> None:
        for day in publication.statement.days:
            event = day_materialization(publication, commit, day, seconds)
            if context.has_asset_partitions:
                context.step_context.add_asset_metadata(event.metadata, partition_key=day.isoformat())
            else:
                context.log_event(event)


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
    tags = {CODE_VERSION_TAG: publication.statement.code} if publication.statement.code else {}
    return AssetMaterialization(publication.table.asset_key, partition=day.isoformat(), metadata=metadata, tags=tags)


def commit_metadata(commit: Commit, position: Position) -> dict[str, Any]:
    """What is true of a commit whoever reports it."""
    return {"delta_version": commit.version, "position": MetadataValue.md(position_table(position))}
