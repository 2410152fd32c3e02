"""A table as a Dagster asset: partitioned by day, rebuilt by hand or by a backfill, drawn in the lineage graph."""

from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    RetryPolicy,
    TableColumn,
    TableSchema,
    asset,
)
from pyspark.sql.types import DateType, StructField, StructType

from lakehouse_assets.engine import calendar, in_flight, rebuilds
from lakehouse_assets.engine.io_manager import partition_days
from lakehouse_assets.engine.pipelines import engine_of
from lakehouse_assets.engine.publication import Publication
from lakehouse_assets.engine.records import RECORD
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.tables import DailyTable, EventTable, SourceTable, Table
from lakehouse_assets.settings import Settings


def source_asset(table: SourceTable) -> AssetSpec:
    """The source itself, so that the graph begins where the data does."""
    return AssetSpec(
        table.origin_key,
        group_name="sources",
        kinds=set(table.origin_kinds),
        description=f"Source of {table.key}: {table.origin}",
    )


def table_asset(table: Table, settings: Settings) -> AssetsDefinition:
    """The table's asset; materializing it rebuilds the days asked for."""
    common: dict[str, Any] = {
        "key": table.asset_key,
        "group_name": table.layer,
        "owners": [table.owner],
        "description": table.description,
        "kinds": {"deltalake", "spark", table.layer},
        "partitions_def": calendar.partitions(settings),
        "backfill_policy": BackfillPolicy.single_run(),
        "io_manager_key": "delta",
        "retry_policy": RetryPolicy(max_retries=3, delay=2),
        "metadata": {
            "dagster/column_schema": column_schema(columns(table)),
            "dagster/uri": f"s3://{settings.bucket}/{table.key}",
        },
    }
    if isinstance(table, SourceTable):
        return _bronze_asset(table, common)
    if isinstance(table, EventTable):
        return _silver_asset(table, common | {"code_version": table.contract.version})
    assert isinstance(table, DailyTable)
    return _gold_asset(table, common | {"code_version": table.contract.version})


def bronze_of(table: Table) -> SourceTable:
    """The bronze table that a table's rows come from."""
    while not isinstance(table, SourceTable):
        assert isinstance(table, EventTable | DailyTable)
        table = table.source
    return table


def columns(table: Table) -> StructType:
    """The business columns of a table; for bronze those of a record."""
    if isinstance(table, EventTable | DailyTable):
        return table.contract.fields
    return StructType([*RECORD.fields, StructField("event_date", DateType())])


def column_schema(schema: StructType) -> TableSchema:
    """As Dagster shows it."""
    return TableSchema(
        columns=[
            TableColumn(
                name=field.name,
                type=field.dataType.simpleString(),
                description=field.metadata.get("comment"),
            )
            for field in schema.fields
        ]
    )


def _bronze_asset(table: SourceTable, common: dict[str, Any]) -> AssetsDefinition:
    @asset(deps=[table.origin_key], **common)
    def repair(context: AssetExecutionContext, spark: SparkConnect) -> Publication:
        in_flight.wait_for_increments(context.instance, bronze_of(table))
        days = partition_days(context.partition_keys)
        return rebuilds.repair(engine_of(context, spark), table, days)

    return repair


def _silver_asset(table: EventTable, common: dict[str, Any]) -> AssetsDefinition:
    @asset(ins={"records": AssetIn(table.source.asset_key)}, **common)
    def rebuild(context: AssetExecutionContext, spark: SparkConnect, records: Any) -> Publication:
        in_flight.wait_for_increments(context.instance, bronze_of(table))
        days = partition_days(context.partition_keys)
        return rebuilds.redo_events(engine_of(context, spark), table, records, days)

    return rebuild


def _gold_asset(table: DailyTable, common: dict[str, Any]) -> AssetsDefinition:
    @asset(deps=[table.source.asset_key], **common)
    def rebuild(context: AssetExecutionContext, spark: SparkConnect) -> Publication:
        in_flight.wait_for_increments(context.instance, bronze_of(table))
        days = partition_days(context.partition_keys)
        return rebuilds.redo_answers(engine_of(context, spark), table, days)

    return rebuild
