"""A batch as Dagster runs it: from the sensor's request to the days shown as materialised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterInstance, SkipReason

from lakehouse_assets.engine.flow import below
from lakehouse_assets.engine.orchestration import holding, reconciler
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.orchestration.pipelines import increment_job
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.writing import publication
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.jobs import tick


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


def test_the_flow_of_a_topic_is_found_whatever_the_order_of_its_tables(tmp_path):
    """Nearest first, each with its upstream; tables of other topics are left out."""
    settings = load(home=tmp_path)
    lab, other = Lab(settings, None, "one.topic"), Lab(settings, None, "another.topic")
    tables = [lab.gold, other.silver, lab.silver, lab.bronze, other.gold]

    assert below(lab.bronze, tables) == (lab.silver, lab.gold)


def run(lab: Lab, instance: DagsterInstance, asked):
    spark = SparkConnect()
    resources = {"spark": spark, "delta": DeltaIOManager(spark=spark)}
    job = increment_job(lab.bronze, lab.tables)
    return job.execute_in_process(
        run_config=asked.run_config, instance=instance, tags=asked.tags, resources=resources, raise_on_error=False
    )


@pytest.mark.services
def test_a_failed_run_is_taken_up_where_it_died_and_every_touched_day_is_shown(lab: Lab, instance, monkeypatch):
    """The first run dies before silver's commit; after its wait the next one brings all tables to the topic's end.

    Each day that changed is materialised in Dagster, table by table, and the reconciler finds nothing to add.
    """
    lab.send(sale(1), sale(2, date="2017-03-03"))
    now = datetime.now(UTC)
    write = publication._write

    def die_at_silver(target, batch):
        if batch.table.layer == "silver":
            raise OSError("the store is away")
        write(target, batch)

    with monkeypatch.context() as patch:
        patch.setattr(publication, "_write", die_at_silver)
        failed = run(lab, instance, tick(instance, lab.settings, lab.bronze, lab.tables, now))
    assert not failed.success

    lab.until(lambda: not holding.standing(lab.settings, lab.tables))
    asked = tick(instance, lab.settings, lab.bronze, lab.tables, now + timedelta(minutes=5))
    assert asked.run_config["ops"][lab.bronze.name]["config"]["dead_runs"] == [failed.run_id]
    assert run(lab, instance, asked).success

    for table in lab.tables:
        assert instance.get_materialized_partitions(table.asset_key) == {"2017-03-01", "2017-03-03"}
        found, seen = reconciler.missing(instance, lab.lake, table, None)
        assert (found, reconciler.missing(instance, lab.lake, table, seen)[0]) == ([], [])
    skipped = tick(instance, lab.settings, lab.bronze, lab.tables, now)
    assert isinstance(skipped, SkipReason)
    assert "nothing new" in skipped.skip_message
