"""One look at one place of a partition: the time of a record, and whether the log was cut since it was read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, Message, TopicPartition

from lakehouse_assets.access import kafka as access
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

WAIT_SECONDS: Final = 5.0
_OPTIONS: Final = {
    "group.id": "lakehouse-peek",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "isolation.level": "read_uncommitted",
    "fetch.wait.max.ms": 10,
    "socket.timeout.ms": int(WAIT_SECONDS * 1000),
}
_REMEMBERED: Final = 1_000
_CUT: Final = "truncation"
_END: Final = re.compile(r"broker end offset is (\d+)")


def time_at(settings: Settings, topic: str, partition: int, offset: int) -> datetime | None:
    """The timestamp of the record at an offset, committed or not; None where it cannot be told."""
    with _consumer(settings) as consumer:
        consumer.assign([TopicPartition(topic, partition, offset)])
        found = consumer.poll(WAIT_SECONDS)
    if found is None or found.error() is not None:
        return None
    return _time(found)


def _time(found: Message) -> datetime | None:
    """A producer may claim any time."""
    kind, millis = found.timestamp()
    try:
        return None if kind == TIMESTAMP_NOT_AVAILABLE else datetime.fromtimestamp(millis / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=_REMEMBERED)
def cut_at(settings: Settings, topic: str, partition: int, end: int, leader_epoch: int, now: int) -> int | None:
    """Where the log was cut after it had been read up to `end` at a leader epoch; None where it was not cut below.

    `now` is the leader epoch of today: for the same one the broker is asked once.

    Raises:
        UnavailableError: the broker does not answer.
    """
    try:
        with _consumer(settings) as consumer:
            consumer.assign([TopicPartition(topic, partition, end, leader_epoch=leader_epoch)])
            error = _error(consumer.poll(WAIT_SECONDS))
    except KafkaException as raised:
        error = raised.args[0]
    if error is None or error.code() == KafkaError._PARTITION_EOF:
        return None
    if _CUT not in error.str():
        raise _silent(settings, error.str())
    stated = _END.search(error.str())
    return int(stated[1]) if stated else 0


def _error(found: Message | None) -> KafkaError | None:
    return KafkaError(KafkaError._TIMED_OUT) if found is None else found.error()


def _silent(settings: Settings, said: str) -> UnavailableError:
    return UnavailableError(
        f"no answer ({said})", where=f"Kafka {settings.kafka_bootstrap}", do="Check the broker (`lakehouse status`)"
    )


@contextmanager
def _consumer(settings: Settings) -> Iterator[Consumer]:
    consumer = Consumer({**access.client(settings), **_OPTIONS})
    try:
        yield consumer
    finally:
        consumer.close()
