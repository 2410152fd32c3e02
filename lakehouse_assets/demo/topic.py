"""The demo's topic: made when missing, and asked how far the replay has come."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from lakehouse_assets.access import kafka
from lakehouse_assets.demo import dates
from lakehouse_assets.demo.dates import Dates
from lakehouse_assets.demo.messages import DATES_HEADER, REPLAY_HEADER
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

TOPIC: Final = "sales.transactions"
PARTITIONS: Final = 4
TIMEOUT_SECONDS: Final = 15.0
LOOK_BACK_OFFSETS: Final = 1_000
"""How far from a partition's end the replay's own records are looked for."""


def unavailable(topic: str, error: KafkaException | KafkaError | str) -> UnavailableError:
    """The error for a broker that doesn't take or give the topic's records."""
    reason = error.args[0] if isinstance(error, KafkaException) else error
    return UnavailableError(
        f"the broker does not do its part ({reason.str() if isinstance(reason, KafkaError) else reason})",
        where=f"topic {topic}",
        do="Check the broker with `lakehouse status` and start the demo again",
    )


def ensure(settings: Settings, topic: str = TOPIC) -> None:
    """Make the topic, keeping records of any age, unless it is there.

    Raises:
        UnavailableError: the broker does not answer.
    """
    admin = AdminClient(kafka.client(settings))
    wanted = NewTopic(topic, PARTITIONS, 1, config={"retention.ms": "-1"})
    try:
        admin.create_topics([wanted], operation_timeout=TIMEOUT_SECONDS, request_timeout=TIMEOUT_SECONDS)[
            topic
        ].result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise unavailable(topic, error) from error
    _wait_for_leaders(admin, topic)


def _wait_for_leaders(admin: AdminClient, topic: str) -> None:
    """A topic just made has no leaders for a moment."""
    asked = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in range(PARTITIONS)}  # type: ignore[no-untyped-call]
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            for future in admin.list_offsets(asked, request_timeout=TIMEOUT_SECONDS).values():
                future.result()
            return
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise unavailable(topic, error) from error
            time.sleep(0.1)


def consumed(settings: Settings, topic: str = TOPIC) -> int:
    """How many source lines earlier replays took: the greatest `replay` header near the partitions' ends.

    Raises:
        UnavailableError: the broker does not answer.
    """
    return _taken(_newest(settings, topic))


def begun_with(settings: Settings, topic: str = TOPIC) -> Dates | None:
    """The dates of the replays on this topic; None before the first.

    Raises:
        UnavailableError: the broker does not answer.
    """
    newest = _newest(settings, topic)
    return dates.parse(newest.get(DATES_HEADER, b"").decode()) if _taken(newest) else None


def _newest(settings: Settings, topic: str) -> dict[str, bytes]:
    """The headers of the record that a replay sent last; none where no replay has sent any."""
    consumer = Consumer(_reader(settings))
    try:
        tails = list(_tails(consumer, topic))
        consumer.assign(tails)
        return max((_headers(message) for message in _until_ends(consumer, len(tails))), key=_taken, default={})
    except KafkaException as error:
        raise unavailable(topic, error) from error
    finally:
        consumer.close()


def _reader(settings: Settings) -> dict[str, Any]:
    return {
        **kafka.client(settings),
        "group.id": "lakehouse-demo",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    }


def _tails(consumer: Consumer, topic: str) -> Iterator[TopicPartition]:
    described = consumer.list_topics(topic, timeout=TIMEOUT_SECONDS).topics[topic]
    for partition in described.partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT_SECONDS)
        if high > low:
            yield TopicPartition(topic, partition, max(low, high - LOOK_BACK_OFFSETS))


def _until_ends(consumer: Consumer, partitions: int) -> Iterator[Message]:
    ended: set[int] = set()
    while len(ended) < partitions:
        message = consumer.poll(TIMEOUT_SECONDS)
        if message is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        error = message.error()
        if error is None:
            yield message
        elif error.code() == KafkaError._PARTITION_EOF:
            ended.add(message.partition() or 0)
        else:
            raise KafkaException(error)


def _headers(message: Message) -> dict[str, bytes]:
    headers = dict(message.headers() or [])
    return {name: value for name, value in headers.items() if isinstance(value, bytes)}


def _taken(headers: Mapping[str, bytes]) -> int:
    value = headers.get(REPLAY_HEADER, b"")
    return int(value) if value.isdigit() else 0
