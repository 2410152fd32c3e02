"""One glance at many topics: what changes it, what does not, and that one topic's trouble is no other's."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from lakehouse_assets.access import kafka as access
from lakehouse_assets.engine.sources import kafka_ends
from lakehouse_assets.engine.sources.kafka_ends import Ends
from lakehouse_assets.errors import UnavailableError

pytestmark = pytest.mark.services


@pytest.fixture
def topics(services) -> list[str]:
    names = [f"ends.{uuid4().hex[:8]}" for _ in range(3)]
    make(services, *names)
    time.sleep(1)  # until every part of the broker knows them
    return names


def make(settings, *names: str) -> None:
    admin = AdminClient(access.client(settings))
    for future in admin.create_topics([NewTopic(each, 2, 1) for each in names]).values():
        future.result()


def send(settings, topic: str) -> None:
    producer = Producer(access.client(settings))
    producer.produce(topic, b"x")
    producer.flush()
    time.sleep(2 * kafka_ends.FRESH_SECONDS)


def test_a_record_moves_its_topic_and_no_other(services, topics):
    ends = Ends(services)
    before = [ends.of(each) for each in topics]
    assert before == [ends.of(each) for each in topics]

    send(services, topics[1])

    after = [ends.of(each) for each in topics]
    assert [left == right for left, right in zip(before, after, strict=True)] == [True, False, True]


def test_all_topics_are_asked_for_by_one_request(services, topics, monkeypatch):
    ends = Ends(services)
    for each in topics:
        ends.of(each)
    time.sleep(2 * kafka_ends.FRESH_SECONDS)
    asked, listed = [], ends._admin.list_offsets
    monkeypatch.setattr(
        ends._admin, "list_offsets", lambda what, **options: asked.append(what) or listed(what, **options)
    )

    for each in topics:
        ends.of(each)

    assert [sorted({part.topic for part in each}) for each in asked] == [sorted(topics)]


def test_a_topic_that_is_absent_holds_up_no_other_and_is_seen_once_it_is_made(services, topics):
    ends, absent = Ends(services), f"ends.{uuid4().hex[:8]}"
    before = ends.of(absent)
    send(services, topics[0])
    assert ends.of(topics[0]) != Ends(services).of(topics[1])

    make(services, absent)
    time.sleep(kafka_ends.ABSENT_SECONDS)
    assert ends.of(absent) != before


def test_a_topic_that_is_deleted_or_made_anew_moves(services, topics):
    ends, admin = Ends(services), AdminClient(access.client(services))
    seen = [ends.of(topics[0])]
    admin.delete_topics([topics[0]])[topics[0]].result()
    time.sleep(1)
    seen.append(ends.of(topics[0]))
    make(services, topics[0])
    time.sleep(kafka_ends.ABSENT_SECONDS)
    seen.append(ends.of(topics[0]))
    assert len({*seen}) == 3


def test_a_new_partition_moves_its_topic(services, topics, monkeypatch):
    monkeypatch.setattr(kafka_ends, "PARTITIONS_SECONDS", 0.5)
    ends, admin = Ends(services), AdminClient(access.client(services))
    before = ends.of(topics[0])
    admin.create_partitions([NewPartitions(topics[0], 3)])[topics[0]].result()
    time.sleep(1)
    assert ends.of(topics[0]) != before


def test_a_broker_that_does_not_answer_is_waited_for_once_by_all(services, monkeypatch):
    """Not once by each topic."""
    monkeypatch.setattr("lakehouse_assets.engine.sources.kafka.TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr(kafka_ends, "TIMEOUT_SECONDS", 1.0)
    away = services.model_copy(update={"kafka_bootstrap": "127.0.0.1:9"})
    ends, began = Ends(away), time.monotonic()
    for number in range(10):
        with pytest.raises(UnavailableError, match="no answer"):
            ends.of(f"topic.{number}")
    assert time.monotonic() - began < 2.5
