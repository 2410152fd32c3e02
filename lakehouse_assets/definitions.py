"""The front door: gathers every table, and binds it to its job, sensors and resources."""

from __future__ import annotations

import warnings

from dagster import BetaWarning, Definitions, in_process_executor

from lakehouse_assets.engine import flow
from lakehouse_assets.engine.alerts.rounds import alert_sensor
from lakehouse_assets.engine.orchestration.assets import source_asset, table_asset
from lakehouse_assets.engine.orchestration.hold_checks import hold_check
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.orchestration.pipelines import increment_jobs
from lakehouse_assets.engine.orchestration.quarantine_assets import quarantines
from lakehouse_assets.engine.orchestration.reconciler import reconciler
from lakehouse_assets.engine.orchestration.sensors import source_sensor
from lakehouse_assets.engine.orchestration.view_assets import view_asset
from lakehouse_assets.engine.project import check_names
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.upkeep.event_log import sweeper
from lakehouse_assets.engine.upkeep.maintenance import daily, maintenance_job
from lakehouse_assets.engine.upkeep.run_retention import retention_job
from lakehouse_assets.registry import QUARANTINES, TABLES, VIEWS
from lakehouse_assets.settings import load

warnings.filterwarnings("ignore", category=BetaWarning)

__all__ = ["QUARANTINES", "TABLES", "VIEWS", "definitions", "defs"]


def definitions() -> Definitions:
    """Everything Dagster loads."""
    check_names((*TABLES, *VIEWS))
    settings = load()
    spark = SparkConnect()
    sources = flow.sources(TABLES)
    jobs = increment_jobs(TABLES)
    watches = [source_sensor(source, TABLES, jobs[source.key]) for source in sources]
    upkeep = [maintenance_job(TABLES), retention_job(TABLES)]
    tables = Definitions(
        assets=[
            *map(source_asset, sources),
            *(table_asset(table, settings) for table in TABLES),
            *map(view_asset, VIEWS),
        ],
        asset_checks=[hold_check(table, TABLES) for table in TABLES],
        jobs=[*jobs.values(), *upkeep],
        schedules=[daily(each, settings) for each in upkeep],
        sensors=[*watches, reconciler(TABLES, VIEWS, settings), sweeper(), alert_sensor(TABLES)],
        resources={"spark": spark, "delta": DeltaIOManager(spark=spark)},
        executor=in_process_executor,
    )
    return Definitions.merge(tables, quarantines(QUARANTINES, settings))


defs = definitions()
