"""Promise 3 as Dagster runs it: a refused batch changes nothing, holds its topic, and is released by somebody."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from dagster import DagsterInstance, RunRequest, SkipReason, materialize
from deltalake import DeltaTable
from pandera.pyspark import Field
from pyspark.sql.types import DecimalType

from lakehouse_assets.engine.alerts import check_results, failed_runs
from lakehouse_assets.engine.alerts.conditions import Scene
from lakehouse_assets.engine.history import acceptances
from lakehouse_assets.engine.orchestration.assets import table_asset
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.orchestration.pipelines import increment_job
from lakehouse_assets.engine.orchestration.sensors import tick
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.silver.sales_transactions import Transaction
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services

MARCH_1 = date(2017, 3, 1)
RULE = "Price: less_than_or_equal_to(1000000)"


class Cheap(Transaction):
    """Stricter than the table was when its rows came in."""

    Price: DecimalType(18, 2) = Field(le=100, metadata={"severity": {"le": "fail"}})  # type: ignore[valid-type]


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


def resources(lab: Lab) -> dict:
    spark = SparkConnect()
    return {"spark": spark, "delta": DeltaIOManager(spark=spark)}


def look(lab: Lab, instance: DagsterInstance) -> RunRequest | SkipReason:
    return tick(instance, lab.settings, lab.bronze, lab.tables, datetime.now(UTC) + timedelta(hours=1))


def run(lab: Lab, instance: DagsterInstance):
    """The batch that the sensor asks for."""
    asked = look(lab, instance)
    assert isinstance(asked, RunRequest), asked
    return increment_job(lab.bronze, lab.tables).execute_in_process(
        run_config=asked.run_config,
        instance=instance,
        tags=asked.tags,
        resources=resources(lab),
        raise_on_error=False,
    )


def state(lab: Lab, key: str) -> tuple[int, list[tuple[str, int]]]:
    """Version, and the name and size of every file, as delta-rs reads them."""
    table = DeltaTable(lab.lake.uri(key), storage_options=lab.storage_options())
    actions = table.get_add_actions(flatten=True)
    columns = (actions.column(name).to_pylist() for name in ("path", "size_bytes"))
    return table.version(), sorted(zip(*columns, strict=True))


def test_a_refused_batch_changes_nothing_and_the_next_ones_wait_until_somebody_accepts_it(lab: Lab, instance):
    """Although bronze holds it already, and whatever arrives later; another topic goes on meanwhile."""
    lab.send(sale(1))
    assert run(lab, instance).success
    downstream = (lab.silver.key, lab.gold.key)
    before = [state(lab, key) for key in downstream]
    lab.send(sale(2), sale(3, price=1_000_001), b"bad")

    refused = run(lab, instance)

    assert not refused.success
    assert [state(lab, key) for key in downstream] == before
    assert lab.rows(lab.silver.quarantine) == []
    verdicts = {each.check_name: each for each in refused.get_asset_check_evaluations()}
    broken = verdicts["Price_less_than_or_equal_to_1000000"]
    said = {name: broken.metadata[name].value for name in ("rows", "rows_breaking", "severity")}
    assert (broken.passed, said) == (False, {"rows": 3, "rows_breaking": 1, "severity": "fail"})
    (sample,) = broken.metadata["samples"].records
    assert (sample.data["at"], sample.data["value"]) == ("partition 0 offset 2", "1000001.00")

    scene = Scene(instance, lab.settings, lab.tables, time.time())
    told = [each for watch in (check_results, failed_runs) for each in watch.look(scene, {}).conditions if each.failing]
    errors = [each for each in told if each.severity == "error"]
    assert [(each.kind, each.rule) for each in errors] == [("check", broken.check_name)]
    assert "1000001.00" in " ".join(errors[0].samples)

    lab.send(sale(4))
    held = look(lab, instance)
    assert isinstance(held, SkipReason)
    assert f"--rule '{RULE}'" in held.skip_message
    other = Lab(lab.settings, lab.spark).create_topic().send(sale(1))
    assert isinstance(look(other, instance), RunRequest)

    acceptances.record_rules(lab.spark, lab.settings, lab.silver, [RULE], "somebody")
    assert run(lab, instance).success
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1), (0, 4)]
    assert lab.coordinates(lab.silver.quarantine) == [(0, 2), (0, 3)]
    assert isinstance(look(lab, instance), SkipReason)


def test_a_backfill_of_30_days_of_which_2_are_bad_passes_28_and_fails_2(lab: Lab, instance):
    """Each on its own partition: the good days are published and shown, the bad ones and gold are as they were."""
    days = [MARCH_1 + timedelta(days=n) for n in range(30)]
    bad = {days[4], days[20]}
    lab.send(*(sale(n, price=200 if day in bad else 2, date=day.isoformat()) for n, day in enumerate(days))).ingest()
    before, gold = lab.rows(lab.silver.key), state(lab, lab.gold.key)
    lab.silver = replace(lab.silver, schema=Cheap)
    lab.gold = replace(lab.gold, source=lab.silver)

    done = materialize(
        [table_asset(table, lab.settings) for table in lab.tables],
        selection=[lab.silver.asset_key, lab.gold.asset_key],
        instance=instance,
        resources=resources(lab),
        tags={
            "dagster/asset_partition_range_start": days[0].isoformat(),
            "dagster/asset_partition_range_end": days[-1].isoformat(),
        },
        raise_on_error=False,
    )

    assert not done.success
    verdicts = {
        each.partition: each.passed
        for each in done.get_asset_check_evaluations()
        if each.check_name == "Price_less_than_or_equal_to_100"
    }
    assert verdicts == {day.isoformat(): day not in bad for day in days} | {None: False}
    good = {day.isoformat() for day in days} - {day.isoformat() for day in bad}
    assert instance.get_materialized_partitions(lab.silver.asset_key) == good
    said = [commit.statement for commit in lab.lake.commits(lab.silver.key) if commit.statement]
    assert {day for each in said if each.kind == "rebuild" for day in each.days} == {*days} - bad
    assert lab.rows(lab.silver.key) == before
    assert state(lab, lab.gold.key) == gold
