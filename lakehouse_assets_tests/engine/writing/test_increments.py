"""Increments against the real Kafka, S3 and Spark: from committed offsets to gold, each record exactly once."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal

import pytest
from pyspark.errors.exceptions.connect import SparkConnectException

from lakehouse_assets.engine.history import acceptances
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.orchestration import sensors
from lakehouse_assets.engine.writing import publication, quarantine
from lakehouse_assets.errors import ContractError, LakehouseError, LossError, PlanError
from lakehouse_assets_tests.engine.hostile_messages import MOST_MS
from lakehouse_assets_tests.engine.lab import EVENT_TIME_MS, WAIT_SECONDS, Lab, sale

pytestmark = pytest.mark.services


def test_a_batch_goes_from_the_topic_to_gold(lab: Lab):
    """Another reader finds each record once in bronze, and the day's revenue to the cent in gold."""
    lab.send(sale(1, price=1.25), sale(2, price=2.5), sale("C3", price=-1.0, Quantity=-1), sale(1, price=1.25))

    lab.ingest()

    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1), (0, 2)]
    [day] = lab.rows(lab.gold.key)
    assert (str(day["event_date"]), day["revenue"], day["transactions"]) == ("2017-03-01", Decimal("2.75"), 2)
    for table in lab.tables:
        assert list(lab.position(table).slices()) == [Slice(lab.state().topic_id, 0, 0, 4)]

    check_that_a_broken_answer_publishes_nothing(lab)


def check_that_a_broken_answer_publishes_nothing(lab: Lab) -> None:
    """Gold stays at its version when its own contract breaks; bronze and silver keep what they took in."""
    version, transform = lab.lake.version(lab.gold.key), lab.gold.transform
    lab.gold = replace(lab.gold, transform=lambda rows: transform(rows).selectExpr("* except (lines)", "-1L AS lines"))
    lab.send(sale(4)).land()
    lab.refine()

    with pytest.raises(ContractError, match="breaks 'lines: greater_than_or_equal_to"):
        lab.recompute()

    assert lab.lake.version(lab.gold.key) == version
    assert lab.coordinates(lab.silver.key)[-1] == (0, 4)


@pytest.mark.slow
def test_batches_with_nothing_to_publish_are_committed_and_not_planned_again(lab: Lab):
    """Only duplicates, only bad rows, only markers and aborted messages: each moves every table's position."""
    transactional = lab.producer(**{"transactional.id": f"{lab.topic}-tx", "linger.ms": 5})
    transactional.init_transactions()

    def abort():
        transactional.begin_transaction()
        transactional.produce(lab.topic, sale(9), partition=0)
        transactional.flush()
        transactional.abort_transaction()

    steps = [lambda: lab.send(sale(1)), lambda: lab.send(sale(1)), lambda: lab.send(b"not json"), abort]
    for step in steps:
        step()
        lab.until(lambda: sum(map(len, lab.plan())) > 0)
        lab.ingest()

        assert lab.plan() == ()
        assert sensors.look(lab.settings, lab.bronze, lab.tables) is None

    assert lab.position(lab.gold).next_offset(lab.state().topic_id, 0) == lab.state().last_stable[0] == 5
    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 1), (0, 2)]
    assert lab.coordinates(lab.silver.key) == [(0, 0)]
    assert lab.coordinates(lab.silver.quarantine) == [(0, 2)]
    assert [row["lines"] for row in lab.rows(lab.gold.key)] == [1]


def test_records_dated_outside_of_the_calendar_are_set_aside_whole(lab: Lab):
    """Absurd dates neither make partitions nor stop the others; an unreadable date falls back to Kafka's time."""
    dates = ["2017-03-02", "1017-03-01", "2999-01-01", "9999-12-31", "10000-01-01", "soon", "0000-00-00", ""]
    lab.send(*[sale(number, date=date) for number, date in enumerate(dates)], b"\xff\x00", sale(9, date=None))

    lab.land()

    days = {row["offset"]: str(row["event_date"]) for row in lab.rows(lab.bronze.key, '"offset", event_date')}
    assert days == {0: "2017-03-02"} | dict.fromkeys((4, 5, 6, 7, 8, 9), "2017-03-01")
    aside = lab.rows(lab.bronze.quarantine, '"offset", value, reasons')
    assert {row["offset"]: row["value"] for row in aside} == {o: sale(o, date=dates[o]) for o in (1, 2, 3)}
    assert all("calendar" in reason for row in aside for reason in row["reasons"])


@pytest.mark.parametrize("millis", [MOST_MS, -MOST_MS])
def test_a_record_dated_where_no_reader_of_dates_follows_stops_no_other(lab: Lab, millis):
    """By its Kafka timestamp alone: that is all a producer needs."""
    producer = lab.producer()
    for number, at in enumerate((EVENT_TIME_MS, millis, EVENT_TIME_MS)):
        producer.produce(lab.topic, sale(number, date=None), partition=0, timestamp=at)
    assert producer.flush(WAIT_SECONDS) == 0

    lab.ingest()
    lab.send(sale(3)).ingest()

    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 2), (0, 3)]
    assert lab.rows(lab.bronze.quarantine, '"offset"') == [{"offset": 1}]


def test_plans_from_an_older_ledger_write_nothing(services, spark):
    """The same range again, an overlapping, a larger one and one with the same sum: no double, no position moved.

    All were planned when the first was, as zombies and duplicate runs are.
    """
    lab = Lab(services, spark).create_topic(partitions=2)
    lab.send(*map(sale, range(6))).send(*map(sale, range(6, 12)), partition=1)
    topic_id = lab.state().topic_id

    def at(*ends: int):
        return [Slice(topic_id, partition, 0, end) for partition, end in enumerate(ends)]

    first, *stale = [lab.prepare_land(at(*ends)) for ends in [(3, 2), (3, 2), (4, 1), (2, 3), (6, 0), (6, 6)]]
    assert first
    lab.publish(first)
    for late in stale:
        with pytest.raises(PlanError):
            lab.publish(late)
        with pytest.raises(PlanError):
            lab.land(late.slices)

    assert list(lab.position(lab.bronze).slices()) == at(3, 2)
    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    lab.land()
    assert lab.coordinates(lab.bronze.key) == [(partition, offset) for partition in (0, 1) for offset in range(6)]


def test_a_client_killed_in_mid_write_and_its_retry_write_each_coordinate_once(lab: Lab):
    """Whether the server finishes the dead client's work before, during or after the retry."""
    lab.send(*map(sale, range(3))).land()
    expected = 3
    for seconds in (0.05, 0.3, 0.8):
        lab.send(*map(sale, range(4)))
        expected += 4
        with zombie(lab) as client:
            say(client, "publish")
            time.sleep(seconds)
            client.kill()
        with contextlib.suppress(PlanError, SparkConnectException):
            lab.land()
        lab.until(lambda end=expected: _caught_up(lab, end))

        assert lab.coordinates(lab.bronze.key) == [(0, offset) for offset in range(expected)]


def test_two_clients_with_the_same_batch_write_it_once(lab: Lab):
    """A zombie beside its retry: one of them wins, the other one fails, and no coordinate is there twice."""
    lab.send(*map(sale, range(5))).land()
    lab.send(*map(sale, range(5, 9)))
    with zombie(lab) as client:
        batch = lab.prepare_land()
        say(client, "publish")
        try:
            outcomes = ["committed" if lab.publish(batch) else ""]
        except (PlanError, SparkConnectException) as error:
            outcomes = [type(error).__name__]
        outcomes.append(client.stdout.readline().strip())

    assert outcomes.count("committed") == 1, outcomes
    assert lab.coordinates(lab.bronze.key) == [(0, offset) for offset in range(9)]


@contextlib.contextmanager
def zombie(lab: Lab):
    """Another client that has planned the same batch and waits."""
    command = [sys.executable, "-m", "lakehouse_assets_tests.engine.zombie", lab.topic]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout.readline() == "planned\n"
        yield client
        client.stdin.close()


def say(client: subprocess.Popen[str], word: str) -> None:
    client.stdin.write(f"{word}\n")
    client.stdin.flush()
    assert client.stdout.readline() == "publishing\n"


def _caught_up(lab: Lab, end: int) -> bool:
    """Whether bronze has come this far; lands what is left, as the sensor's next run would."""
    with contextlib.suppress(PlanError, SparkConnectException):
        lab.land()
    return lab.position(lab.bronze).next_offset(lab.state().topic_id, 0) == end


def test_what_a_dead_run_left_in_the_quarantine_is_not_shown_and_replaced(lab: Lab, monkeypatch):
    """A run that died between quarantine and table leaves nothing double, nothing early and nothing behind."""
    lab.send(b"bad", sale(1), b"bad", b"bad").land()
    with monkeypatch.context() as patch:
        patch.setattr(publication, "_write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            lab.refine()
    left_behind = lab.coordinates(lab.silver.quarantine)

    lab.settings = lab.settings.model_copy(update={"max_records_per_batch": 2})
    lab.refine()
    after_one = lab.coordinates(lab.silver.quarantine)
    shown = quarantine.shown(lab.spark, lab.lake, lab.silver.key, lab.silver.quarantine)
    lab.refine()

    assert left_behind == [(0, 0), (0, 2), (0, 3)]
    assert after_one == [(0, 0)]
    assert [row["offset"] for row in shown.collect()] == [0]
    assert lab.coordinates(lab.silver.quarantine) == [(0, 0), (0, 2), (0, 3)]
    assert lab.coordinates(lab.silver.key) == [(0, 1)]


def test_a_restore_is_noticed_and_after_an_acceptance_the_rows_come_in_again_once(lab: Lab):
    """RESTORE takes rows back but not what Delta knows of past batches: it stops, then goes on exactly."""
    first = lab.send(sale(1)).land()
    lab.send(sale(2), sale(3)).land()
    lab.restore(lab.bronze, first.version)

    with pytest.raises(LossError, match="RESTORE"):
        lab.land([Slice(lab.state().topic_id, 0, 1, 3)])
    with pytest.raises(LossError, match="RESTORE"):
        sensors.look(lab.settings, lab.bronze, lab.tables)
    assert lab.coordinates(lab.bronze.key) == [(0, 0)]

    acceptances.record(lab.spark, lab.settings, lab.bronze, "someone")
    lab.land()
    lab.send(sale(4)).land()
    assert lab.coordinates(lab.bronze.key) == [(0, offset) for offset in range(4)]
    assert lab.plan() == ()


def test_an_acceptance_needs_a_table(lab: Lab):
    """Nothing can be lost before anything was taken in."""
    with pytest.raises(LakehouseError, match="nothing to accept"):
        acceptances.record(lab.spark, lab.settings, lab.bronze, "someone")
