"""Maintenance: fewer files, the same rows, the same ledgers, and no increment that fails because of it."""

from __future__ import annotations

import threading
from dataclasses import replace
from uuid import uuid4

import pyspark.sql.functions as F
import pytest
from dagster import DagsterInstance, DefaultScheduleStatus

from lakehouse_assets.definitions import defs
from lakehouse_assets.engine.orchestration import reconciler
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.spark import SparkConnect, connect
from lakehouse_assets.engine.upkeep import compaction
from lakehouse_assets.engine.upkeep.maintenance import daily, maintain, maintenance_job
from lakehouse_assets.engine.writing import delta
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.engine.writing.publication import publish
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab, sale

SLOW = "coalesce(reflect('java.lang.Thread', 'sleep', CAST(3000 AS BIGINT)), '') != 'never'"
"""True after 3 s for each row, on the server."""


@pytest.fixture
def crowded_lab(lab: Lab) -> Lab:
    """Every small file counts, two of a day are a crowd, and a vacuum keeps nothing."""
    settings = {"compact_min_files": 2, "vacuum_floor_days": 0, "vacuum_retention_days": 0}
    lab.settings = lab.settings.model_copy(update=settings)
    for number in range(2):
        lab.send(sale(number), sale(number, date="2017-03-02"), b"bad", sale(0)).ingest()
    return lab


def files(lab: Lab, key: str) -> int:
    return len(lab.lake.open(key).file_uris())


def picture(lab: Lab):
    """All rows and ledgers, by delta-rs."""
    keys = [lab.bronze.key, lab.silver.key, lab.silver.quarantine, lab.gold.key]
    ledgers = [lab.lake.ledger(key) for key in keys]
    said = [(each.position, each.position_version, each.stated_version, each.restored_version) for each in ledgers]
    return [lab.rows(key) for key in keys], said


def do(lab: Lab, dry_run: bool = False) -> dict[str, object]:
    done = [each for table in lab.tables for each in maintain(lab.engine(), table, lab.tables, dry_run=dry_run)]
    return {each.key: each for each in done}


@pytest.mark.services
@pytest.mark.slow
def test_maintenance_leaves_rows_ledgers_and_dagsters_picture_as_they_are(crowded_lab: Lab):
    """Crowded days end with one file, old files go, also in the quarantine; nothing is reported, and work goes on."""
    lab = crowded_lab
    with DagsterInstance.ephemeral() as instance:
        _, seen = reconciler.missing(instance, lab.lake, lab.silver, None)
        before, crowd = picture(lab), files(lab, lab.bronze.key)

        would = do(lab, dry_run=True)
        assert (picture(lab), files(lab, lab.bronze.key)) == (before, crowd)
        done = do(lab)

        assert picture(lab) == before
        assert reconciler.missing(instance, lab.lake, lab.silver, seen)[0] == []
    assert files(lab, lab.bronze.key) < crowd
    assert would[lab.bronze.key].files_before == done[lab.bronze.key].files_before > 0
    assert done[lab.bronze.key].deleted >= done[lab.bronze.key].files_before
    assert done[lab.silver.quarantine].files_after == 1
    assert all(not each.skipped for each in done.values())
    assert compaction.crowded(lab.lake, lab.bronze.key, lab.settings) == ()

    lab.send(sale(9), sale(0)).ingest()
    assert lab.position(lab.gold) == lab.position(lab.bronze)
    assert len(lab.rows(lab.bronze.key)) == len(before[0][0]) + 2


@pytest.mark.services
def test_an_increment_that_meets_a_compaction_is_written_again_by_itself(crowded_lab: Lab):
    """The compaction commits while the batch is being merged into the same files; the batch does not fail."""
    lab, other = crowded_lab.written_by("spark"), connect(crowded_lab.settings, str(uuid4()))
    lab.send(sale(0, price=5), sale(11)).land()
    planned = lab.silver.increment(lab.engine(), LATER)
    slow = replace(planned, rows=planned.rows.where(F.expr(SLOW)))
    target = delta.Target(other, lab.lake, lab.silver.key)
    crowds = compaction.crowded(lab.lake, lab.silver.key, lab.settings)
    beside = threading.Timer(1.5, lambda: [*compaction.compact(target, crowds)])
    beside.start()

    commit = publish(lab.spark, lab.lake, slow)
    beside.join()
    other.stop()

    operations = [each.operation for each in lab.lake.commits(lab.silver.key)][:2]
    assert operations == ["MERGE", "OPTIMIZE"]
    assert commit.version == lab.lake.version(lab.silver.key)
    assert lab.position(lab.silver) == lab.position(lab.bronze)
    assert {row["TransactionNo"] for row in lab.rows(lab.silver.key)} == {"0", "1", "11"}


def rebuild_gold(lab: Lab) -> None:
    for piece in lab.gold.rebuild(lab.engine(), sorted(lab.lake.days(lab.gold.key))):
        lab.publish(piece)


@pytest.mark.services
@pytest.mark.slow
def test_a_vacuum_that_a_lagging_table_would_miss_is_refused(crowded_lab: Lab):
    """Gold's rebuild still reads silver as of gold's position: nothing is deleted until gold has caught up."""
    lab = crowded_lab
    lab.send(sale(0, price=7)).land()
    lab.refine()

    refused = do(lab)[lab.silver.key]
    assert f"{lab.gold.key} lags" in refused.skipped[0]
    assert refused.deleted == 0
    rebuild_gold(lab)

    lab.recompute()
    assert do(lab)[lab.silver.key].deleted > 0
    rebuild_gold(lab)


@pytest.mark.services
@pytest.mark.slow
def test_the_job_maintains_every_table_and_reports_no_materialization(crowded_lab: Lab, monkeypatch):
    """It observes the tables; Dagster shows no day as changed."""
    lab = crowded_lab
    monkeypatch.setenv("LAKEHOUSE_COMPACT_MIN_FILES", "2")
    spark = SparkConnect()
    with DagsterInstance.ephemeral() as instance:
        resources = {"spark": spark, "delta": DeltaIOManager(spark=spark)}
        done = maintenance_job(lab.tables).execute_in_process(instance=instance, resources=resources)

        assert done.success
        assert len(done.get_asset_observation_events()) == len(lab.tables)
        assert all(not instance.get_materialized_partitions(table.asset_key) for table in lab.tables)
    assert compaction.crowded(lab.lake, lab.silver.key, lab.settings) == ()


def test_the_schedule_runs_from_the_start(tmp_path):
    settings = load(home=tmp_path, maintenance_cron="5 4 * * 0")
    schedule = daily(maintenance_job(()), settings)

    assert schedule.default_status == DefaultScheduleStatus.RUNNING
    assert schedule.cron_schedule == "5 4 * * 0"


def test_maintenance_and_the_retention_of_runs_are_scheduled():
    """Nobody has to switch them on."""
    scheduled = {each.name: each.default_status for each in defs.schedules}

    assert (
        scheduled.items()
        >= {
            "maintain_tables_daily": DefaultScheduleStatus.RUNNING,
            "prune_runs_daily": DefaultScheduleStatus.RUNNING,
        }.items()
    )
