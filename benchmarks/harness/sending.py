"""Sends records and keeps what the broker has acknowledged: where each one is, and when."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.harness.records import Message
from lakehouse_assets.access import kafka
from lakehouse_assets.settings import Settings

FLUSH_SECONDS = 120.0
OPTIONS = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 5,
    "compression.type": "lz4",
    "partitioner": "murmur2_random",
    "queue.buffering.max.messages": 200_000,
}


@dataclass(frozen=True)
class Acknowledged:
    """A record where the broker has it; `sent` and `acked` in seconds since 1970."""

    partition: int
    offset: int
    value: bytes
    sent: float
    acked: float


@dataclass
class Sender:
    """One producer of one topic."""

    settings: Settings
    topic: str
    acknowledged: list[Acknowledged] = field(default_factory=list)
    """In the order of their sending where the topic has one partition."""

    def __post_init__(self) -> None:
        self._producer = Producer(kafka.client(self.settings) | OPTIONS)
        self._failed: list[str] = []

    def send(self, messages: Iterable[Message], rate: float = 0.0) -> float:
        """Sends all, at most `rate` a second, and waits; returns when the last one was acknowledged.

        Raises:
            KafkaException: a record was refused, or is not acknowledged in time.
        """
        began = time.monotonic()
        for count, message in enumerate(messages):
            self._wait(began + count / rate if rate else 0.0)
            self._offer(message)
        left = self._producer.flush(FLUSH_SECONDS)
        if left or self._failed:
            raise KafkaException(f"{left} records are not acknowledged {self._failed[:1]}")
        return max((each.acked for each in self.acknowledged), default=time.time())

    def _wait(self, until: float) -> None:
        while (ahead := until - time.monotonic()) > 0:
            self._producer.poll(min(ahead, 0.05))

    def _offer(self, message: Message) -> None:
        sent = time.time()

        def done(error: Any, delivered: Any) -> None:
            if error is not None:
                self._failed.append(str(error))
                return
            at = delivered.partition(), delivered.offset()
            self.acknowledged.append(Acknowledged(*at, message.value, sent, time.time()))

        while True:
            try:
                self._producer.produce(
                    self.topic, message.value, message.key, timestamp=message.timestamp, on_delivery=done
                )
            except BufferError:
                self._producer.poll(0.05)
            else:
                self._producer.poll(0)
                return


def create(settings: Settings, topics: Sequence[str], partitions: int) -> None:
    """Makes topics that keep records of any age, and waits until the broker knows them."""
    admin = AdminClient(kafka.client(settings))
    wanted = [NewTopic(each, partitions, 1, config={"retention.ms": "-1"}) for each in topics]
    for future in admin.create_topics(wanted).values():
        future.result()
    deadline = time.monotonic() + FLUSH_SECONDS
    while {*topics} - {*admin.list_topics(timeout=5).topics} and time.monotonic() < deadline:
        time.sleep(0.1)
