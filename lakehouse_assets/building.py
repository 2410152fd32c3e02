"""The door for a project: from a package of tables to what Dagster loads.

# my_lake/definitions.py
import my_lake
from lakehouse_assets.building import build_definitions

defs = build_definitions(my_lake)
"""

from __future__ import annotations

import warnings
from types import ModuleType

from dagster import BetaWarning, Definitions, in_process_executor

from lakehouse_assets import project
from lakehouse_assets.engine import flow
from lakehouse_assets.engine.alerts.rounds import alert_sensor
from lakehouse_assets.engine.orchestration.assets import source_asset, table_asset
from lakehouse_assets.engine.orchestration.hold_checks import hold_check
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.orchestration.pipelines import increment_jobs
from lakehouse_assets.engine.orchestration.quarantine_assets import quarantines
from lakehouse_assets.engine.orchestration.reconciler import reconciler
from lakehouse_assets.engine.orchestration.view_assets import view_asset
from lakehouse_assets.engine.orchestration.watching import source_watcher
from lakehouse_assets.engine.project import Registry, check_names, gathered
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.upkeep.event_log import sweeper
from lakehouse_assets.engine.upkeep.maintenance import daily, maintenance_job
from lakehouse_assets.engine.upkeep.run_retention import retention_job
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.settings import load

warnings.filterwarnings("ignore", category=BetaWarning)


def build_definitions(package: ModuleType) -> Definitions:
    """Everything Dagster loads of a package: its tables with their jobs, sensors, schedules, checks and resources.

    Each file of the sub-packages bronze, silver, gold and serve has one `table`; a layer may be missing.

    Raises:
        SettingsError: this process works for another project: its state and code version would be another's.
        ContractError: two tables share a name.
    """
    _check_project(package.__name__)
    return bound(gathered(package))


def bound(registry: Registry) -> Definitions:
    """Tables and views bound to jobs, sensors and resources.

    Raises:
        ContractError: two tables share a name.
    """
    found, settings = registry.tables, load()
    check_names((*found, *registry.views))
    spark, sources, jobs = SparkConnect(), flow.sources(found), increment_jobs(found)
    upkeep = [maintenance_job(found), retention_job(found)]
    watchers = [source_watcher(found, jobs)] if jobs else []
    tables = Definitions(
        assets=[
            *map(source_asset, sources),
            *(table_asset(table, settings) for table in found),
            *map(view_asset, registry.views),
        ],
        asset_checks=[hold_check(table, found) for table in found],
        jobs=[*jobs.values(), *upkeep],
        schedules=[daily(each, settings) for each in upkeep],
        sensors=[*watchers, reconciler(found, registry.views, settings), sweeper(), alert_sensor(found)],
        resources={"spark": spark, "delta": DeltaIOManager(spark=spark)},
        executor=in_process_executor,
    )
    return Definitions.merge(tables, quarantines(registry.quarantines, settings))


def _check_project(package: str) -> None:
    """State folder, settings and code version are those of the process's project: a package has to be of it."""
    here = project.current()
    if here.package == package:
        return
    raise SettingsError(
        f"these are the definitions of {package}, but this process works for {here.package} in {here.root}",
        where=package,
        do=f'Start it in the folder whose {project.FILE} has [tool.lakehouse] package = "{package}",'
        f" or let {project.VARIABLE} name that folder",
    )
