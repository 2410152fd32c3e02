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
from lakehouse_assets.engine.alerts.conditions import Condition, Scene
from lakehouse_assets.engine.history import acceptances, holds
from lakehouse_assets.engine.orchestration import holding
from lakehouse_assets.engine.orchestration.assets import table_asset
from lakehouse_assets.engine.orchestration.hold_checks import is_held
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.orchestration.pipelines import increment_job
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.gold.sales_daily_revenue import DailyRevenue
from lakehouse_assets.silver.sales_transactions import Transaction
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.jobs import tick

pytestmark = pytest.mark.services

MARCH_1 = date(2017, 3, 1)
RULE = "Price: less_than_or_equal_to(1000000)"


class Cheap(Transaction):
    """Stricter than the table was when its rows came in."""

    Price: DecimalType(18, 2) = Field(le=100, metadata={"severity": {"le": "fail"}})  # type: ignore[valid-type]


class Modest(DailyRevenue):
    """A day may not bring in more than this."""

    revenue: DecimalType(28, 2) = Field(le=50)  # type: ignore[valid-type]


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


def resources(lab: Lab) -> dict:
    spark = SparkConnect()
    return {"spark": spark, "delta": DeltaIOManager(spark=spark)}


def look(lab: Lab, instance: DagsterInstance, tables=()) -> RunRequest | SkipReason:
    return tick(instance, lab.settings, lab.bronze, tables or lab.tables, datetime.now(UTC) + timedelta(hours=1))


def run(lab: Lab, instance: DagsterInstance, tables=()):
    """The batch that the sensor asks for."""
    asked = look(lab, instance, tables)
    assert isinstance(asked, RunRequest), asked
    return increment_job(lab.bronze, tables or lab.tables).execute_in_process(
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

    errors = [each for each in watched(lab, instance) if each.severity == "error"]
    assert [(each.kind, each.rule) for each in errors] == [("check", broken.check_name)]
    assert "1000001.00" in " ".join(errors[0].samples)
    assert f"lakehouse accept {lab.silver.key} --rule '{RULE}'" in dict(errors[0].facts)["to go on"]

    lab.send(sale(4))
    assert run(lab, instance).success
    assert lab.coordinates(lab.bronze.key) == [(0, offset) for offset in range(5)]
    assert [state(lab, key) for key in downstream] == before
    held = look(lab, instance)
    assert isinstance(held, SkipReason)
    assert f"--rule '{RULE}'" in held.skip_message
    assert is_held(instance, lab.silver.key)
    assert is_held(instance, lab.gold.key)
    assert not is_held(instance, lab.bronze.key)
    assert [each.rule for each in watched(lab, instance) if each.severity == "error"] == [broken.check_name]
    other = Lab(lab.settings, lab.spark).create_topic().send(sale(1))
    assert isinstance(look(other, instance), RunRequest)

    acceptances.record_rules(lab.spark, lab.settings, lab.silver, [RULE], "somebody")
    assert run(lab, instance).success
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1), (0, 4)]
    assert lab.coordinates(lab.silver.quarantine) == [(0, 2), (0, 3)]
    assert isinstance(look(lab, instance), SkipReason)
    assert not is_held(instance, lab.gold.key)


def watched(lab: Lab, instance: DagsterInstance) -> list[Condition]:
    """What is told now, of all that has happened."""
    scene = Scene(instance, lab.settings, lab.tables, time.time())
    looks = [watch.look(scene, {}).conditions for watch in (check_results, failed_runs)]
    latest = {each.key: each for conditions in looks for each in conditions}
    return [each for each in latest.values() if each.failing]


@pytest.mark.slow
def test_a_refused_answer_waits_while_all_others_go_on_and_then_catches_up(lab: Lab, instance):
    """Bronze, silver and a sibling take each batch meanwhile; afterwards it equals the sibling that never waited."""
    sibling = replace(lab.gold, key=f"{lab.gold.key}_too")
    strict = replace(lab.gold, schema=Modest)
    lab.send(sale(1, price=5.0))
    tables = (lab.bronze, lab.silver, strict, sibling)
    assert run(lab, instance, tables).success
    lab.send(sale(2, price=100.0))
    assert not run(lab, instance, tables).success
    before = state(lab, strict.key)

    for number in range(3, 5):
        lab.send(sale(number, price=1.0, date=f"2017-03-0{number}"))
        assert run(lab, instance, tables).success
        assert lab.position(lab.silver) == lab.position(lab.bronze) == lab.position(sibling)
        assert state(lab, strict.key) == before

    assert is_held(instance, strict.key)
    assert not is_held(instance, sibling.key)
    acceptances.record_rules(lab.spark, lab.settings, strict, ["revenue: less_than_or_equal_to(50)"], "somebody")
    assert run(lab, instance, tables).success
    assert lab.rows(strict.key) == lab.rows(sibling.key)
    assert lab.position(strict) == lab.position(sibling)
    assert isinstance(look(lab, instance, tables), SkipReason)


def test_a_transform_that_always_fails_waits_longer_each_time_while_data_keeps_coming(lab: Lab, instance, monkeypatch):
    """It is not tried with every new record, nothing is set aside for it, and what lives beside it goes on."""
    for name in ("BASE", "CAP"):
        monkeypatch.setenv(f"LAKEHOUSE_RETRY_{name}_SECONDS", "600")
    lab.settings = lab.settings.model_copy(update={"retry_base_seconds": 600.0, "retry_cap_seconds": 600.0})
    broken = replace(lab.silver, transform=lambda records: records.select("no_such_column"))
    lab.send(sale(1))
    assert not run(lab, instance, (lab.bronze, broken)).success

    for number in range(2, 5):
        lab.send(sale(number))
        done = run(lab, instance, (lab.bronze, broken))
        assert done.success, "its wait is not over"
    hold = holds.read(lab.settings, broken.key)[broken.key]

    assert (hold.temporary, hold.tries, hold.error) == (True, 1, "AnalysisException")
    assert "no_such_column" not in hold.reason
    assert lab.coordinates(lab.bronze.key) == [(0, offset) for offset in range(4)]
    assert lab.rows(broken.quarantine) == []
    lab.settings = lab.settings.model_copy(update={"retry_base_seconds": 0.001, "retry_cap_seconds": 0.001})
    again = holding.standing(lab.settings, [broken])
    assert again == {}, "and is tried again by itself when its wait is over"


@pytest.mark.slow
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
