"""Retention of runs: old ones go with all their files, and no day that holds rows is ever forgotten."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from dagster import AssetMaterialization, DagsterInstance, DagsterRunStatus, job, op
from deltalake import CommitProperties, write_deltalake

from lakehouse_assets.bronze.sales_transactions import table
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.orchestration import reconciler
from lakehouse_assets.engine.upkeep import run_retention
from lakehouse_assets.engine.upkeep.run_retention import delete_runs, retention_job
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.local_lake import LocalLake

LATER = datetime.now(UTC) + timedelta(days=1)
DAYS = [f"2017-03-0{day}" for day in range(1, 4)]


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    return LocalLake(Settings(), tmp_path / "lake")


@pytest.fixture(autouse=True)
def one_recent_run(monkeypatch):
    """The sensor looks at one run only, so that the rest may go."""
    monkeypatch.setattr(run_retention, "RECENT_RUNS", 1)


def commit(lake: LocalLake, run_id: str, days: list[str]) -> int:
    """One increment of one row a day; its version."""
    said = Statement("increment", run_id, tuple(map(date.fromisoformat, days)), position=Position())
    rows = pa.table({"event_date": pa.array(said.days, pa.date32()), "n": [0] * len(days)})
    properties = CommitProperties(custom_metadata={"userMetadata": said.to_json()})
    write_deltalake(lake.uri(table.key), rows, mode="append", partition_by=["event_date"], commit_properties=properties)
    return lake.version(table.key)


def ingest(instance: DagsterInstance, lake: LocalLake, *days: str, fails: bool = False) -> str:
    """A run that commits these days and reports them."""

    @op
    def land(context):
        version = commit(lake, context.run_id, list(days))
        for day in days:
            shown = {"delta_version": version}
            context.log_event(AssetMaterialization(table.asset_key, partition=day, metadata=shown))
        if fails:
            raise OSError("died")

    @job(tags=dict([table.run_tag]))
    def ingest():
        land()

    return ingest.execute_in_process(instance=instance, raise_on_error=False).run_id


def runs(instance: DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def test_a_day_stays_shown_however_old_its_run_is(instance, lake):
    """The run that told of a day last stays; those that later runs have overtaken go, failed ones too."""
    lonely = ingest(instance, lake, DAYS[0])
    overtaken = [ingest(instance, lake, DAYS[1]), ingest(instance, lake, fails=True)]
    newest = [ingest(instance, lake, DAYS[1], DAYS[2]), ingest(instance, lake, DAYS[2])]
    _, seen = reconciler.missing(instance, lake, table, None)

    assert delete_runs(instance, [table], LATER) == len(overtaken)

    assert runs(instance) == {lonely, *newest}
    assert instance.get_materialized_partitions(table.asset_key) == set(DAYS)
    assert reconciler.missing(instance, lake, table, seen)[0] == []
    assert reconciler.missing(instance, lake, table, None)[0] == []


def test_the_picture_converges_when_runs_go_that_the_reconciler_has_not_looked_at(instance, lake):
    """It reports their days again; the days shown are those that hold rows."""
    _, seen = reconciler.missing(instance, lake, table, None)
    for run_id in [ingest(instance, lake, day) for day in DAYS]:
        run_retention.delete(instance, run_id)
    assert instance.get_materialized_partitions(table.asset_key) == set()

    found, _ = reconciler.missing(instance, lake, table, seen)
    for event in found:
        instance.report_runless_asset_event(event)

    shown = instance.get_materialized_partitions(table.asset_key)
    assert shown == {day.isoformat() for day in lake.days(table.key)} == set(DAYS)


def test_a_deleted_run_leaves_no_file_behind(lake, tmp_path):
    """Its own event database and its captured output go as well."""
    home = tmp_path / "dagster"
    home.mkdir()
    with DagsterInstance.local_temp(str(home)) as instance:
        gone, kept = ingest(instance, lake, DAYS[0]), ingest(instance, lake, DAYS[0])
        delete_runs(instance, [table], LATER)

    left = {path.stem for path in home.rglob("*")}
    assert kept in left
    assert gone not in left


def test_young_and_unfinished_runs_and_the_sensors_newest_stay(instance, lake):
    """Whatever else they did."""
    old = [ingest(instance, lake) for _ in range(3)]
    running = instance.create_run_for_job(retention_job([table]), status=DagsterRunStatus.STARTED).run_id

    assert delete_runs(instance, [table], datetime.now(UTC) - timedelta(days=1)) == 0
    assert delete_runs(instance, [table], LATER) == 2
    assert runs(instance) == {old[-1], running}


def test_the_job_deletes_what_the_setting_says(instance, lake, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_RUN_RETENTION_DAYS", "1")
    old = ingest(instance, lake, DAYS[0])

    assert retention_job([table]).execute_in_process(instance=instance).success
    assert old in runs(instance)
