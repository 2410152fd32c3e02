"""A run works until nothing is left: batch after batch, each planned when its turn comes, through every table."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from dagster import DagsterEventType, DagsterInstance, RunRequest

from lakehouse_assets.engine.history import holds
from lakehouse_assets.engine.orchestration import draining, news, pipeline_log
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.orchestration.news import News
from lakehouse_assets.engine.orchestration.pipelines import increment_job
from lakehouse_assets.engine.outages import MOST_IN_A_ROW
from lakehouse_assets.engine.sources.kafka_source import KafkaSource
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.writing import delta, publication
from lakehouse_assets.errors import LakehouseError, UnavailableError
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.jobs import tick

pytestmark = pytest.mark.services

DEAR = 1_000_001.0
"""Breaks a rule that lets nothing pass."""


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_MAX_RECORDS_PER_BATCH", "2")
    monkeypatch.setenv("LAKEHOUSE_NEWS_INTERVAL_SECONDS", "1000")


def run(lab: Lab, instance: DagsterInstance):
    spark = SparkConnect()
    asked = tick(instance, lab.settings, lab.bronze, lab.tables, datetime.now(UTC))
    assert isinstance(asked, RunRequest), asked
    return increment_job(lab.bronze, lab.tables).execute_in_process(
        run_config=asked.run_config,
        instance=instance,
        tags=asked.tags,
        resources={"spark": spark, "delta": DeltaIOManager(spark=spark)},
        raise_on_error=False,
    )


def increments(lab: Lab, key: str) -> int:
    return sum(each.statement is not None and each.statement.kind == "increment" for each in lab.lake.commits(key))


def held(lab: Lab) -> set[str]:
    return {table.key for table in lab.tables if table.key in holds.read(lab.settings, table.key)}


def counted(instance: DagsterInstance, run_id: str) -> Counter[str]:
    events = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    found = [each.asset_materialization for each in events]
    return Counter(f"{each.asset_key.to_user_string()} {each.partition}" for each in found)


def test_one_run_takes_batch_after_batch_and_tells_of_each_day_once(lab: Lab, instance):
    """Seven records by two are four batches; what Dagster hears of them grows with the days, not with the batches."""
    lab.send(*(sale(number, date=f"2017-03-0{1 + number // 6}") for number in range(7)), b"broken")

    done = run(lab, instance)

    assert done.success
    assert [increments(lab, table.key) for table in lab.tables] == [4, 4, 4]
    assert lab.position(lab.gold) == lab.position(lab.bronze)
    assert sum(row["lines"] for row in lab.rows(lab.gold.key)) == 7
    days = ("2017-03-01", "2017-03-02")
    told = {f"{table.key} {day}": 1 for table in lab.tables for day in days}
    assert {key: count for key, count in counted(instance, done.run_id).items() if "quarantine" not in key} == told
    verdicts = Counter(
        each.check_name for each in done.get_asset_check_evaluations() if each.asset_key.path[0] == "silver"
    )
    assert set(verdicts.values()) == {1}
    [readable] = [each for each in done.get_asset_check_evaluations() if each.check_name == "readable"]
    assert (readable.passed, readable.metadata["rows"].value, readable.metadata["rows_breaking"].value) == (False, 8, 1)


def test_silver_gets_the_batch_itself_where_it_stands_where_bronze_stood(lab: Lab, instance, monkeypatch):
    """Where it is behind it reads what it lacks; the rows are the same."""
    read, real = [], delta.read
    monkeypatch.setattr(
        delta, "read", lambda spark, lake, key, **more: read.append(key) or real(spark, lake, key, **more)
    )
    lab.send(sale(1), sale(2), sale(3))
    assert run(lab, instance).success
    assert lab.bronze.key not in read

    lab.send(sale(4))
    lab.land()
    lab.send(sale(5), sale(6), sale(7))
    assert run(lab, instance).success
    assert read.count(lab.bronze.key) >= 1
    assert sum(row["lines"] for row in lab.rows(lab.gold.key)) == 7


def test_batches_are_no_nearer_to_each_other_than_the_settings_say(lab: Lab, instance, monkeypatch):
    """Also the first one of a run to the last one of the run before."""
    monkeypatch.setenv("LAKEHOUSE_COMMIT_INTERVAL_SECONDS", "2")
    for first in (0, 5):
        lab.send(*(sale(first + number) for number in range(5)))
        assert run(lab, instance).success

    said = [each for each in lab.lake.commits(lab.bronze.key) if each.statement and each.statement.kind == "increment"]
    times = [each.timestamp_ms / 1000 for each in said][::-1]
    assert len(times) == 6
    assert min(newer - older for older, newer in pairwise(times)) > 1.9


def test_records_that_come_while_a_run_is_at_work_are_taken_by_it(lab: Lab, instance, monkeypatch):
    """Nobody has to start another one."""
    lab.send(sale(1))
    real, more = publication._write, [sale(2), sale(3)]

    def meanwhile(*given):
        if more:
            lab.send(more.pop())
        real(*given)

    monkeypatch.setattr(publication, "_write", meanwhile)

    assert run(lab, instance).success
    assert sum(row["lines"] for row in lab.rows(lab.gold.key)) == 3


def test_what_is_worth_a_look_is_told_also_of_a_batch_that_took_long(lab: Lab, instance, monkeypatch):
    """Longer than the interval of news, which then has nothing to wait for: the last batch is told at the run's end."""
    monkeypatch.setenv("LAKEHOUSE_NEWS_INTERVAL_SECONDS", "0")
    lab.send(sale(1), sale(2), sale(3))

    assert run(lab, instance).success

    newest = [instance.get_latest_materialization_event(table.asset_key) for table in lab.tables]
    assert all("dagster/row_count" in each.asset_materialization.metadata for each in newest)


def test_records_that_come_while_dagster_is_told_are_taken_before_it_is_told_the_rest(lab: Lab, instance, monkeypatch):
    """By the same run, whose days are all told in the end."""
    monkeypatch.setattr(news, "SLICE_SECONDS", 0.0)
    lab.send(*(sale(number, date=f"2017-03-0{1 + number}") for number in range(2)))
    real, untold = News.at_leisure, []

    def meanwhile(self: News):
        if not untold:
            lab.send(sale(7, date="2017-03-07"))
        untold.append(increments(lab, lab.gold.key))
        yield from real(self)

    monkeypatch.setattr(News, "at_leisure", meanwhile)

    done = run(lab, instance)

    assert done.success
    assert untold[:2] == [1, 2]
    days = ("2017-03-01", "2017-03-02", "2017-03-07")
    assert {f"{table.key} {day}" for table in lab.tables for day in days} <= counted(instance, done.run_id).keys()


def test_a_table_that_refuses_is_told_and_the_run_goes_on_without_it(lab: Lab, instance):
    """Bronze comes to the end of the topic; silver and what lives on it stand where they were."""
    lab.send(sale(1), sale(2), sale(3, price=DEAR), sale(4), sale(5), sale(6))

    refused = run(lab, instance)

    assert not refused.success
    assert [increments(lab, table.key) for table in lab.tables] == [3, 1, 1]
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1)]
    failing = [each for each in refused.get_asset_check_evaluations() if not each.passed]
    rules = [each for each in failing if each.check_name != "not_held"]
    assert [each.check_name for each in rules] == ["Price_less_than_or_equal_to_1000000"]
    assert {each.asset_key.path[0] for each in failing if each.check_name == "not_held"} == {"silver", "gold"}


def test_what_is_no_refusal_ends_the_run_with_its_batch(lab: Lab, instance, monkeypatch):
    """The next run has a session of its own; the reason is in the run's failure, table by table."""
    lab.send(*map(sale, range(6)))
    real = publication._write

    def away(writer, batch):
        if batch.table.layer == "silver":
            raise LakehouseError("is away", where="the store", do="Wait")
        real(writer, batch)

    monkeypatch.setattr(publication, "_write", away)
    failed = run(lab, instance)

    assert not failed.success
    assert [increments(lab, table.key) for table in lab.tables] == [1, 0, 0]
    [event] = instance.all_logs(failed.run_id, of_type=DagsterEventType.STEP_FAILURE)
    said = event.dagster_event.step_failure_data.user_failure_data.metadata
    assert {key: value.value for key, value in said.items()} == {lab.silver.key: "the store: is away. Wait."}
    lines = [json.loads(line) for line in pipeline_log.path(lab.settings).read_text().splitlines()]
    told = [
        (each["table"], each["message"]) for each in lines if (each["run"], each["event"]) == (failed.run_id, "failed")
    ]
    assert told == [(lab.silver.key, "the store: is away. Wait.")]


def test_after_a_run_that_failed_its_work_comes_first_and_then_a_small_batch(lab: Lab, instance, monkeypatch):
    """What did not get through once is not made larger by what came meanwhile."""
    monkeypatch.setattr(draining, "LEAST_RECORDS", 3)
    for name, value in {"MAX_RECORDS_PER_BATCH": "100", "FEW_RECORDS": "0", "RETRY_BASE_SECONDS": "0.001"}.items():
        monkeypatch.setenv(f"LAKEHOUSE_{name}", value)
    real, written = publication._write, []

    def dying(writer, batch):
        if batch.table.layer == "silver" and "died" not in written:
            written.append("died")
            raise LakehouseError("is away", where="the store", do="Wait")
        if batch.table.layer != "gold":
            written.append((batch.table.layer, batch.rows.count()))
        real(writer, batch)

    lab.send(*map(sale, range(10)))
    with monkeypatch.context() as patch:
        patch.setattr(publication, "_write", dying)
        assert not run(lab, instance).success
        lab.send(*map(sale, range(10, 20)))
        lab.until(
            lambda: isinstance(tick(instance, lab.settings, lab.bronze, lab.tables, datetime.now(UTC)), RunRequest)
        )
        assert run(lab, instance).success

    assert written[:2] == [("bronze", 10), "died"]
    assert written[2:] == [("silver", 10), ("bronze", 3), ("silver", 3), ("bronze", 7), ("silver", 7)]
    assert lab.coordinates(lab.silver.key) == [(0, offset) for offset in range(20)]


NO_ANSWER = "Generic S3 error: Error performing PUT: HTTP error: error sending request: Connection refused"


@pytest.mark.parametrize("layer", ["bronze", "silver"])
def test_a_store_that_does_not_answer_for_a_moment_is_waited_for(lab: Lab, instance, monkeypatch, layer):
    """The batch is planned anew by the same run; nobody is held, and nothing has failed."""
    lab.send(*map(sale, range(4)))
    real, met = publication._write, []

    def restarting(writer, batch):
        if batch.table.layer == layer and len(met) < 3:
            met.append(batch.table.key)
            raise OSError(NO_ANSWER)
        real(writer, batch)

    monkeypatch.setattr(publication, "_write", restarting)
    done = run(lab, instance)

    assert done.success
    assert len(met) == 3
    assert lab.coordinates(lab.silver.key) == [(0, offset) for offset in range(4)]
    assert held(lab) == set()
    assert "failed" not in {
        json.loads(line)["event"]
        for line in pipeline_log.path(lab.settings).read_text().splitlines()
        if done.run_id in line
    }


def test_a_store_that_never_answers_one_table_is_a_failure_of_that_table(lab: Lab, instance, monkeypatch):
    """After some tries, so that a run ends and the table waits longer and longer."""
    lab.send(sale(1))
    met = []

    def away(writer, batch):
        met.append(batch.table.key)
        raise OSError(NO_ANSWER)

    monkeypatch.setattr(publication, "_write", away)
    failed = run(lab, instance)

    assert not failed.success
    assert met == [lab.bronze.key] * (MOST_IN_A_ROW + 1)
    assert holds.read(lab.settings)[lab.bronze.key].temporary


def test_a_broker_that_is_away_for_longer_ends_the_run_and_not_what_it_has_done(lab: Lab, instance, monkeypatch):
    """Silver and gold come to where bronze is meanwhile."""
    monkeypatch.setenv("LAKEHOUSE_OUTAGE_SECONDS", "0.5")
    lab.send(*map(sale, range(6)))
    real = KafkaSource.read_few

    def gone(self, spark, slices):
        if slices[0].start >= 2:
            monkeypatch.setattr(KafkaSource, "plan", silent)
            raise UnavailableError("no answer", where="the broker", do="Wait")
        return real(self, spark, slices)

    def silent(self, ledger):
        raise UnavailableError("no answer", where="the broker", do="Wait")

    monkeypatch.setattr(KafkaSource, "read_few", gone)
    done = run(lab, instance)

    assert done.success
    assert [increments(lab, table.key) for table in lab.tables] == [1, 1, 1]
    assert held(lab) == set()


def test_a_run_ends_when_its_time_is_up_and_the_next_one_goes_on(lab: Lab, instance, monkeypatch):
    """Between two batches, never within one."""
    monkeypatch.setenv("LAKEHOUSE_RUN_BUDGET_SECONDS", "0.001")
    lab.send(*map(sale, range(4)))

    first, second = run(lab, instance), run(lab, instance)

    assert (first.success, second.success) == (True, True)
    assert [increments(lab, table.key) for table in lab.tables] == [2, 2, 2]
    assert {each.statement.run_id for each in lab.lake.commits(lab.gold.key) if each.statement} == {
        first.run_id,
        second.run_id,
    }
