"""Topics as a person handles them: make one, list them, send a few records.

Every client lives in a name of its own until its futures are read: one that is dropped earlier takes its futures along
(`_DESTROY: Handle is terminating`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lakehouse_assets.access import kafka
from lakehouse_assets.errors import LakehouseError, UnavailableError
from lakehouse_assets.settings import Settings

TIMEOUT_SECONDS = 15.0
SEND_SECONDS = 30.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Topic:
    """One topic of the broker."""

    name: str
    partitions: int
    offsets: int = 0
    """Offsets between each partition's start and end, summed; gaps counted."""
    new: bool = False
    """It was made just now."""


def create(settings: Settings, name: str, partitions: int, *, replication: int = 1, retention_ms: int = -1) -> Topic:
    """Makes a topic unless it exists, and waits until the broker knows it.

    Raises:
        UnavailableError: the broker does not answer.
        LakehouseError: the broker refuses it; says why.
    """
    admin = AdminClient(kafka.client(settings))
    wanted = NewTopic(name, partitions, replication, config={"retention.ms": str(retention_ms)})
    made = True
    try:
        admin.create_topics([wanted], operation_timeout=TIMEOUT_SECONDS, request_timeout=TIMEOUT_SECONDS)[name].result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise _refusal(settings, name, error.args[0]) from error
        made = False
    return replace(_known(admin, settings, name), new=made)


def known(settings: Settings) -> list[Topic]:
    """Every topic but the broker's own, by name.

    Raises:
        UnavailableError: the broker does not answer.
    """
    consumer = Consumer(_reader(settings))
    try:
        found = consumer.list_topics(timeout=TIMEOUT_SECONDS).topics.values()
        own = sorted((each for each in found if not each.topic.startswith("__")), key=lambda each: each.topic)
        return [Topic(each.topic, len(each.partitions), _offsets(consumer, each)) for each in own]
    except KafkaException as error:
        raise _refusal(settings, "", error.args[0]) from error
    finally:
        consumer.close()


def send(settings: Settings, name: str, values: Sequence[bytes], key: bytes | None = None) -> int:
    """Sends records and waits until the broker has each; how many.

    Raises:
        UnavailableError: the broker does not take them.
        LakehouseError: there is no such topic: none is made by sending.
    """
    admin = AdminClient(kafka.client(settings))
    if not _described(admin, settings, name).partitions:
        do = f"Run `lakehouse topics create {name}`"
        raise LakehouseError("there is no such topic", where=f"topic {name}", do=do)
    failed: list[KafkaError] = []
    producer = Producer({**kafka.client(settings), "enable.idempotence": True})
    for value in values:
        producer.produce(name, value, key, on_delivery=partial(_delivered, failed))
    left = producer.flush(SEND_SECONDS)
    if failed or left:
        raise _refusal(settings, name, failed[0] if failed else f"{left} records were not acknowledged")
    return len(values)


def _delivered(failed: list[KafkaError], error: KafkaError | None, _message: Message) -> None:
    if error is not None:
        failed.append(error)


def _known(admin: AdminClient, settings: Settings, name: str) -> Topic:
    """The topic, once the broker tells of it: a new one is not in every answer at once."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (found := _described(admin, settings, name)).partitions and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return found


def _described(admin: AdminClient, settings: Settings, name: str) -> Topic:
    """The topic; without partitions where there is none."""
    try:
        found = admin.list_topics(timeout=TIMEOUT_SECONDS).topics.get(name)
    except KafkaException as error:
        raise _refusal(settings, name, error.args[0]) from error
    return Topic(name, len(found.partitions) if found else 0)


def _offsets(consumer: Consumer, topic: Any) -> int:
    total = 0
    for partition in topic.partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic.topic, partition), timeout=TIMEOUT_SECONDS)
        total += high - low
    return total


def _reader(settings: Settings) -> dict[str, Any]:
    return {**kafka.client(settings), "group.id": "lakehouse-topics", "enable.auto.commit": False}


def _refusal(settings: Settings, name: str, reason: KafkaError | str) -> LakehouseError:
    """Out of reach where a retry may help; the broker's own words where it says no."""
    said, where = reason.str() if isinstance(reason, KafkaError) else reason, f"topic {name}" if name else "Kafka"
    if isinstance(reason, KafkaError) and not reason.retriable() and reason.code() > 0:
        return LakehouseError(f"the broker refuses ({said})", where=where, do="Change the name or the options")
    do = f"Check that Kafka answers at {settings.kafka_bootstrap} (`lakehouse status`)"
    return UnavailableError(f"the broker does not answer ({said})", where=where, do=do)
