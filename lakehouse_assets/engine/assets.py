"""A table as a Dagster asset: partitioned by day, rebuilt by hand or by a backfill, drawn in the lineage graph."""

from datetime import timedelta
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    FreshnessPolicy,
    RetryPolicy,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
    asset,
)
from pyspark.sql.types import StructType

from lakehouse_assets.engine import calendar, catalog, in_flight, rebuilds
from lakehouse_assets.engine.io_manager import partition_days
from lakehouse_assets.engine.pipelines import engine_of
from lakehouse_assets.engine.publication import Publication
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.tables import DailyTable, EventTable, KafkaTable, Table
from lakehouse_assets.settings import Settings


def topic_asset(table: KafkaTable) -> AssetSpec:
    """The topic itself, so that the graph begins where the data does."""
    return AssetSpec(
        topic_key(table),
        group_name="sources",
        kinds={"kafka"},
        description=f"Kafka topic `{table.topic}`",
    )


def topic_key(table: KafkaTable) -> AssetKey:
    """`[kafka, <topic>]`."""
    return AssetKey(["kafka", *table.topic.split(".")])


def table_asset(table: Table, settings: Settings) -> AssetsDefinition:
    """The table's asset; materializing it rebuilds the days asked for."""
    common: dict[str, Any] = {
        "key": table.asset_key,
        "group_name": table.layer,
        "owners": [table.owner],
        "description": catalog.about(table),
        "kinds": {"deltalake", "spark", table.layer},
        "partitions_def": calendar.partitions(settings),
        "backfill_policy": BackfillPolicy.single_run(),
        "io_manager_key": "delta",
        "retry_policy": RetryPolicy(max_retries=3, delay=2),
        "freshness_policy": freshness(table),
        "metadata": {
            "dagster/column_schema": column_schema(catalog.columns(table)),
            "dagster/uri": f"s3://{settings.bucket}/{table.key}",
        },
    }
    if isinstance(table, KafkaTable):
        return _bronze_asset(table, common)
    if isinstance(table, EventTable):
        return _silver_asset(table, common | {"code_version": table.contract.version})
    assert isinstance(table, DailyTable)
    return _gold_asset(table, common | {"code_version": table.contract.version})


def topic_of(table: Table) -> str:
    """The topic a table's rows come from."""
    while not isinstance(table, KafkaTable):
        assert isinstance(table, EventTable | DailyTable)
        table = table.source
    return table.topic


def freshness(table: Table) -> FreshnessPolicy | None:
    """After how long without a change Dagster shows the table as stale."""
    hours = table.freshness_hours
    return FreshnessPolicy.time_window(fail_window=timedelta(hours=hours)) if hours else None


def column_schema(schema: StructType) -> TableSchema:
    """As Dagster shows it."""
    return TableSchema(
        columns=[
            TableColumn(
                name=field.name,
                type=field.dataType.simpleString(),
                description=field.metadata.get("comment"),
                constraints=TableColumnConstraints(nullable=field.nullable),
            )
            for field in schema.fields
        ]
    )


def _bronze_asset(table: KafkaTable, common: dict[str, Any]) -> AssetsDefinition:
    @asset(deps=[topic_key(table)], **common)
    def repair(context: AssetExecutionContext, spark: SparkConnect) -> Publication:
        in_flight.wait_for_increments(context.instance, topic_of(table))
        days = partition_days(context.partition_keys)
        return rebuilds.repair(engine_of(context, spark), table, days)

    return repair


def _silver_asset(table: EventTable, common: dict[str, Any]) -> AssetsDefinition:
    @asset(ins={"records": AssetIn(table.source.asset_key)}, **common)
    def rebuild(context: AssetExecutionContext, spark: SparkConnect, records: Any) -> Publication:
        in_flight.wait_for_increments(context.instance, topic_of(table))
        days = partition_days(context.partition_keys)
        return rebuilds.redo_events(engine_of(context, spark), table, records, days)

    return rebuild


def _gold_asset(table: DailyTable, common: dict[str, Any]) -> AssetsDefinition:
    @asset(deps=[table.source.asset_key], **common)
    def rebuild(context: AssetExecutionContext, spark: SparkConnect) -> Publication:
        in_flight.wait_for_increments(context.instance, topic_of(table))
        days = partition_days(context.partition_keys)
        return rebuilds.redo_answers(engine_of(context, spark), table, days)

    return rebuild
