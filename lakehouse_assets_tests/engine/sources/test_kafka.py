"""The Kafka sensor and reader against a real broker, situation by situation."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from confluent_kafka import TopicPartition
from dagster import DagsterInstance, RunRequest, SkipReason

from lakehouse_assets.engine.alerts import lag
from lakehouse_assets.engine.alerts.conditions import Scene
from lakehouse_assets.engine.history import acceptances
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.orchestration import looking
from lakehouse_assets.engine.orchestration.progress import snapshot
from lakehouse_assets.engine.sources import kafka
from lakehouse_assets.errors import LossError
from lakehouse_assets_tests.engine.lab import EVENT_TIME_MS, Lab, sale
from lakehouse_assets_tests.jobs import tick

pytestmark = pytest.mark.services


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


def look(instance: DagsterInstance, lab: Lab):
    return tick(instance, lab.settings, lab.bronze, lab.tables, datetime.now(UTC))


def slices_of(instance: DagsterInstance, lab: Lab) -> list[tuple[int, int, int]]:
    """What the run that a look asks for would take first."""
    asked = look(instance, lab)
    assert isinstance(asked, RunRequest), asked
    work = looking.look(lab.settings, lab.bronze, lab.tables)
    return [(part.partition, part.start, part.end) for part in work.slices]


def starting(lab: Lab, first_start) -> Lab:
    lab.settings = lab.settings.model_copy(update={"first_start": first_start})
    return lab


def test_a_topic_that_is_not_there_yet_is_waited_for(services, spark, instance):
    """The reason is said, and nobody has to do anything once the topic appears."""
    lab = Lab(services, spark)
    skipped = look(instance, lab)
    lab.create_topic().send(sale(1))

    assert isinstance(skipped, SkipReason)
    assert f"topic {lab.topic}: does not exist yet" in skipped.skip_message
    assert slices_of(instance, lab) == [(0, 0, 1)]


def test_a_broker_that_hangs_is_skipped_in_seconds_and_recovers_by_itself(stack, lab: Lab, instance):
    """The tick says that Kafka does not answer; the next one goes on."""
    lab.send(sale(1))
    pid = stack.pid("kafka")
    os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    try:
        skipped = look(instance, lab)
    finally:
        os.kill(pid, signal.SIGCONT)
    seconds = time.monotonic() - started
    stack.wait_healthy("kafka")

    assert isinstance(skipped, SkipReason)
    assert f"Kafka {lab.settings.kafka_bootstrap}: no answer" in skipped.skip_message
    assert seconds < 3 * kafka.TIMEOUT_SECONDS
    lab.until(lambda: isinstance(look(instance, lab), RunRequest))


def test_a_first_start_from_the_latest_takes_only_what_comes_after_it(lab: Lab, instance):
    """The first look freezes where the table begins, in the run it asks for."""
    starting(lab, "latest").send(sale(1), sale(2))

    assert slices_of(instance, lab) == [(0, 2, 2)]


def test_a_first_start_at_a_timestamp_begins_with_the_first_record_not_older(lab: Lab, instance):
    """By the record's timestamp; behind the newest record it begins at the end."""
    lab.send(sale(1), sale(2))
    day_before, day_after = (datetime.fromtimestamp(EVENT_TIME_MS / 1000 + days * 86_400, UTC) for days in (-1, 1))

    assert slices_of(instance, starting(lab, day_before)) == [(0, 0, 2)]
    assert slices_of(instance, starting(lab, day_after)) == [(0, 2, 2)]


def test_the_life_of_a_topic(lab: Lab, instance):
    """Started at the latest; then a partition is added, records are deleted unread, and the topic is recreated.

    New partitions are read whole. A loss stops the sensor, names the range, changes nothing and goes on behind it after
    an acceptance, even if another partition was read in between. Each record still there is landed once.
    """
    starting(lab, "latest").send(sale(1), sale(2)).land()
    first_id = lab.state().topic_id
    assert lab.coordinates(lab.bronze.key) == []

    lab.add_partitions(2)
    lab.send(sale(3)).send(sale(4), sale(5), partition=1)
    assert slices_of(instance, lab) == [(0, 2, 3), (1, 0, 2)]
    lab.land()

    lab.send(*map(sale, range(6, 10))).send(sale(10), partition=1)
    delete_before(lab, partition=0, offset=5)
    version = lab.lake.version(lab.bronze.key)
    with pytest.raises(LossError, match="no longer holds partition 0 offsets 3 to 4"):
        look(instance, lab)
    assert lab.lake.version(lab.bronze.key) == version

    accepted = acceptances.record(lab.spark, lab.settings, lab.bronze, "someone")
    assert accepted.lost == (Slice(first_id, 0, 3, 5),)
    lab.settings = lab.settings.model_copy(update={"max_records_per_batch": 1})
    while slices := lab.plan():
        lab.land(slices)
    expected = [(0, 2), (0, 5), (0, 6), (1, 0), (1, 1), (1, 2)]
    assert lab.coordinates(lab.bronze.key) == expected

    lab.recreate_topic().send(sale(11))
    with pytest.raises(LossError, match="recreated: the table follows id " + re.escape(first_id)):
        look(instance, lab)

    acceptances.record(lab.spark, lab.settings, lab.bronze, "someone")
    lab.land()
    assert lab.coordinates(lab.bronze.key) == sorted([*expected, (0, 0)])
    assert lab.position(lab.bronze).topic_ids == (first_id, lab.state().topic_id)


def delete_before(lab: Lab, partition: int, offset: int) -> None:
    lab.admin.delete_records([TopicPartition(lab.topic, partition, offset)])
    lab.until(lambda: lab.state().log_start[partition] == offset)


def test_a_plan_on_a_topic_that_was_recreated_since_reads_nothing(lab: Lab):
    """The new topic's records are never filed under the old topic's id."""
    lab.send(sale(1))
    planned = lab.plan()
    lab.recreate_topic().send(sale(2))

    with pytest.raises(LossError, match="recreated while it was read"):
        lab.land(planned)
    assert lab.lake.version(lab.bronze.key) == -1


def test_transactions_are_read_to_the_last_stable_offset_and_committed_only(lab: Lab):
    """Aborted records never land, open ones wait, markers and aborted offsets are gaps and no loss."""
    producer = lab.producer(**{"transactional.id": lab.topic, "linger.ms": 5})
    producer.init_transactions()
    for number, ends in enumerate([producer.commit_transaction, producer.abort_transaction, None]):
        producer.begin_transaction()
        producer.produce(lab.topic, sale(number), partition=0)
        producer.produce(lab.topic, sale(10 + number), partition=0)
        producer.flush()
        if ends:
            ends()
    lab.until(lambda: lab.state().last_stable == {0: 6})

    planned = lab.plan()
    read = kafka.read(lab.spark, lab.settings, lab.topic, planned).select("offset").collect()
    producer.commit_transaction()
    lab.until(lambda: lab.state().last_stable == {0: 9})
    rest = [Slice(lab.state().topic_id, 0, 5, 9)]
    read_later = kafka.read(lab.spark, lab.settings, lab.topic, rest).select("offset").collect()

    assert [(part.start, part.end) for part in planned] == [(0, 6)]
    assert sorted(row["offset"] for row in read) == [0, 1]
    assert sorted(row["offset"] for row in read_later) == [6, 7]


def test_a_tick_asks_the_topic_once_and_a_batch_once(lab: Lab, instance, monkeypatch):
    """Nothing remembers it: the next tick asks anew."""
    asked, ask = [], kafka.topic_state
    lab.send(sale(1))
    batch = lab.batch()
    monkeypatch.setattr(kafka, "topic_state", lambda *given: asked.append(1) or ask(*given))

    assert isinstance(look(instance, lab), RunRequest)
    assert len(asked) == 1
    lab.publish(lab.bronze.increment(lab.engine(), batch))
    assert len(asked) == 2
    lab.refine()
    lab.recompute()
    for ticks in (3, 4):
        assert isinstance(look(instance, lab), SkipReason)
        assert len(asked) == ticks
    snapshot(lab.settings, lab.tables)
    assert len(asked) == 5


def test_what_an_open_transaction_holds_back_is_told(lab: Lab, instance):
    """By the sensor, by `status` and, once it lasts, by the alert; from the time of its first record."""
    lab.send(sale(1)).land()
    with producing(lab) as producer:
        for number in range(50):
            producer.produce(lab.topic, sale(number), partition=0, timestamp=EVENT_TIME_MS)
        producer.flush()
        lab.until(lambda: lab.state().unstable == {0: 50})
        lab.refine()
        lab.recompute()
        skipped = look(instance, lab)
        shown = snapshot(lab.settings, lab.tables)

    says = "50 offsets are behind an open transaction since 2017-03-01 00:00:00 UTC"
    assert isinstance(skipped, SkipReason)
    assert skipped.skip_message == f"nothing new on topic {lab.topic}; {says}"
    assert [str(each.waits) for each in shown] == [says, "None", "None"]
    assert [each.lag for each in shown] == [0, 0, 0]
    scene = Scene(instance, lab.settings, lab.tables, now=EVENT_TIME_MS / 1000 + 86_400, awake_since=0.0)
    for at, failing in ((86_400.0, True), (60.0, False)):
        judged = lag.judge(replace(scene, now=EVENT_TIME_MS / 1000 + at), shown[0], {})
        assert (judged.failing, says in judged.says) == (failing, True)


@contextlib.contextmanager
def producing(lab: Lab):
    producer = lab.producer(**{"transactional.id": lab.topic, "linger.ms": 5})
    producer.init_transactions()
    producer.begin_transaction()
    yield producer
    producer.abort_transaction()


def test_a_record_is_read_as_it_was_sent(lab: Lab):
    """Key, value and headers as bytes, nulls as nulls, the timestamp to the millisecond."""
    producer = lab.producer()
    producer.produce(
        lab.topic, b"\x00\xff", b"k", 0, timestamp=EVENT_TIME_MS + 1, headers=[("h", b"\xfe"), ("n", None)]
    )
    producer.produce(lab.topic, None, None, 0, timestamp=EVENT_TIME_MS)
    producer.flush()

    records = kafka.read(lab.spark, lab.settings, lab.topic, lab.plan())
    full, empty = records.selectExpr("*", "unix_millis(timestamp) AS millis").orderBy("offset").collect()

    assert records.columns == kafka.RECORD.names
    assert (full["key"], full["value"], full["millis"]) == (b"k", b"\x00\xff", EVENT_TIME_MS + 1)
    assert [(header["key"], header["value"]) for header in full["headers"]] == [("h", b"\xfe"), ("n", None)]
    assert (empty["key"], empty["value"], empty["headers"], empty["topic_id"]) == (
        None,
        None,
        None,
        lab.state().topic_id,
    )
