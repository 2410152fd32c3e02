"""A table as a Dagster asset: partitioned by day, rebuilt by hand or by a backfill, drawn in the lineage graph."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    FreshnessPolicy,
    MetadataValue,
    Output,
    RetryPolicy,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
    asset,
)
from pyspark.sql.types import StructType

from lakehouse_assets.engine import calendar
from lakehouse_assets.engine.display import catalog
from lakehouse_assets.engine.grids import UNPARTED, WHOLE, Partition
from lakehouse_assets.engine.orchestration import beginnings, checks
from lakehouse_assets.engine.orchestration.io_manager import partitions_of
from lakehouse_assets.engine.orchestration.pipeline_log import failures_of
from lakehouse_assets.engine.orchestration.pipelines import engine_of
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.audits import together
from lakehouse_assets.engine.writing.engine import Engine
from lakehouse_assets.engine.writing.rebuilds import Rebuild
from lakehouse_assets.redaction import shielded
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable


def source_asset(table: "SourceTable") -> AssetSpec:
    """The source itself, so that the graph begins where the data does."""
    return AssetSpec(
        table.origin_key,
        group_name=table.domain,
        kinds=set(table.origin_kinds),
        description=f"Source of {table.key}: {table.origin}",
    )


def table_asset(table: Table, settings: Settings) -> AssetsDefinition:
    """The table's asset; materializing it rebuilds the days asked for."""
    common: dict[str, Any] = {
        "key": table.asset_key,
        "deps": table.asset_deps,
        "group_name": table.domain,
        "owners": [table.owner],
        "description": catalog.described(table),
        "kinds": {"deltalake", "spark", table.layer},
        **parted(table, settings),
        "io_manager_key": "delta",
        "check_specs": checks.specs(table),
        "code_version": table.code_version,
        "retry_policy": RetryPolicy(max_retries=3, delay=2),
        "freshness_policy": freshness(table),
        "hooks": {failures_of(table.key)},
        "metadata": {
            "dagster/column_schema": column_schema(table.columns),
            "dagster/uri": f"s3://{settings.bucket}/{table.key}",
            "contract": MetadataValue.md(catalog.about(table)),
        },
    }

    @asset(**common)
    def rebuild(context: AssetExecutionContext, spark: SparkConnect) -> Iterator[Any]:
        with shielded():
            engine, tries = _engine(context, spark), earlier_tries(context)
            yield from _published(context, table.rebuild(engine, asked_for(context, table), tries))

    return rebuild


def parted(table: Table, settings: Settings) -> dict[str, Any]:
    """How Dagster parts a table, and that a range of partitions is one run."""
    partitions = calendar.partitions(settings, table.grid, beginnings.first_day(settings, table.key))
    return {"partitions_def": partitions, "backfill_policy": BackfillPolicy.single_run()} if partitions else {}


def asked_for(context: AssetExecutionContext, table: Table) -> tuple[Partition, ...]:
    """The partitions that a run is to rebuild."""
    return (WHOLE,) if table.grid == UNPARTED else partitions_of(context.partition_keys)


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


def _engine(context: AssetExecutionContext, spark: SparkConnect) -> Engine:
    """The engine, once whatever Spark still does for an earlier try of this run has been ended."""
    for run_id in earlier_tries(context):
        spark.interrupt(run_id)
    return engine_of(context, spark)


def earlier_tries(context: AssetExecutionContext) -> list[str]:
    """Runs that this one is a retry of, back to the first."""
    group = context.instance.get_run_group(context.run.run_id)
    return [run.run_id for run in (group[1] if group else ()) if run.run_id != context.run.run_id]


def _published(context: AssetExecutionContext, rebuild: Rebuild) -> Iterator[Any]:
    """The rebuild for the IO manager, which goes through it; then the verdict of each rule, day by day and in all."""
    if rebuild.done:
        context.log.info(f"{len(rebuild.done)} of {len(rebuild.days)} days are done already")
    yield Output(rebuild)
    whole = together(rebuild.audits)
    yield from checks.by_partition(rebuild.table, whole, rebuild.days)
    yield from checks.results(rebuild.table, whole)
