"""Sends a replay to Kafka and writes down where each record went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivered

from lakehouse_assets.access import kafka
from lakehouse_assets.demo import faults, interrupts, topic
from lakehouse_assets.demo.manifest import Manifest
from lakehouse_assets.demo.messages import Message, messages
from lakehouse_assets.demo.topic import TOPIC
from lakehouse_assets.demo.transactions import Lines
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

FLUSH_EVERY: Final = 5_000
FLUSH_TIMEOUT_SECONDS: Final = 60.0
INTERRUPTED_FLUSH_SECONDS: Final = 5.0
TRICKLE_LINES: Final = 20_000
"""A trickle plans this many records ahead, so that late and repeated ones have something to follow."""

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Sent:
    """What a replay did: source lines `start` to `end` in `rows` records; `turn` counts the passes."""

    rows: int
    start: int
    end: int
    turn: int
    seconds: float


def produce(
    settings: Settings,
    lines: Lines,
    rows: int,
    *,
    seed: int,
    manifest: Path | None = None,
    advance: Advance | None = None,
    name: str = TOPIC,
) -> Sent:
    """Replay exactly `rows` records from where the last replay on this topic ended.

    The manifest is complete when this returns; `advance` is called with the number of records delivered
    since its last call.

    Raises:
        UnavailableError: the broker does not take a record; names the topic.
    """
    begun = time.monotonic()
    topic.ensure(settings, name)
    start = topic.consumed(settings, name)
    window = lines.window(start, rows)
    plan = faults.plan(window, seed, start, rows)
    with Manifest(manifest) as book:
        _Sender(settings, name, book, advance).send(messages(window, plan, seed, start))
    return Sent(rows, start, start + plan.lines, start // len(lines), time.monotonic() - begun)


def trickle(
    settings: Settings,
    lines: Lines,
    rate: float,
    *,
    seed: int,
    manifest: Path | None = None,
    advance: Advance | None = None,
    name: str = TOPIC,
) -> None:
    """Keep sending about `rate` records a second, on from the last replay, until interrupted."""
    with Manifest(manifest) as book:
        sender = _Sender(settings, name, book, advance, flush_every=max(1, int(rate)))
        while True:
            start = topic.consumed(settings, name)
            window = lines.window(start, TRICKLE_LINES)
            plan = faults.plan(window, seed, start, TRICKLE_LINES)
            sender.send(paced(messages(window, plan, seed, start), rate, sender.poll))


def paced(stream: Iterable[Message], rate: float, wait: Callable[[float], Any]) -> Iterator[Message]:
    """The stream at `rate` messages a second; calls `wait` with the seconds it is ahead."""
    begun = time.monotonic()
    for count, message in enumerate(stream):
        ahead = begun + count / rate - time.monotonic()
        if ahead > 0:
            wait(ahead)
        yield message


class _Sender:
    """One idempotent producer, whose delivery reports go to the manifest."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        book: Manifest,
        advance: Advance | None,
        flush_every: int = FLUSH_EVERY,
    ) -> None:
        self._producer = Producer(_options(settings))
        self._name = name
        self._book = book
        self._advance = advance
        self._flush_every = flush_every
        self._delivered = 0
        self._failed: KafkaError | None = None
        self._check: Callable[[], None] = _unhindered

    def send(self, stream: Iterable[Message]) -> None:
        """Send all messages, also those taken before an interruption, and wait until each is delivered.

        Raises:
            KeyboardInterrupt: Ctrl-C or TERM came; what was taken before is delivered.
        """
        with interrupts.held_back() as self._check:
            patience = INTERRUPTED_FLUSH_SECONDS
            try:
                for message in stream:
                    self._send(message)
                    self._check()
                patience = FLUSH_TIMEOUT_SECONDS
            finally:
                left = self._producer.flush(patience)
                self._report()
        self._raise_failure(left)

    def poll(self, seconds: float) -> None:
        """Wait, taking delivery reports."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._producer.poll(min(left, 0.1))
            self._check()

    def _send(self, message: Message) -> None:
        report = partial(self._delivery, message.entry)
        while not self._offered(message, report):
            self._producer.poll(0.05)
            self._check()
            self._raise_failure(0)
        if self._producer.poll(0) and self._delivered >= self._flush_every:
            self._report()

    def _offered(self, message: Message, report: Callable[[KafkaError | None, Delivered], None]) -> bool:
        try:
            self._producer.produce(
                self._name,
                key=message.key,
                value=message.value,
                headers=message.headers,
                timestamp=message.timestamp,
                on_delivery=report,
            )
        except BufferError:
            return False
        except KafkaException as error:
            raise topic.unavailable(self._name, self._failed or error) from error
        return True

    def _delivery(self, entry: str, error: KafkaError | None, message: Delivered) -> None:
        if error is not None:
            self._failed = self._failed or error
            return
        self._delivered += 1
        self._book.add(message.partition() or 0, message.offset() or 0, entry)

    def _report(self) -> None:
        self._book.flush()
        if self._advance is not None and self._delivered:
            self._advance(self._delivered)
        self._delivered = 0
        self._raise_failure(0)

    def _raise_failure(self, left: int) -> None:
        if self._failed is not None:
            raise topic.unavailable(self._name, self._failed)
        if left:
            raise UnavailableError(
                f"{left} records were not acknowledged within {FLUSH_TIMEOUT_SECONDS:.0f} s",
                where=f"topic {self._name}",
                do="Check the broker with `lakehouse status` and start the demo again",
            )


def _unhindered() -> None:
    return


def _options(settings: Settings) -> dict[str, Any]:
    return {
        **kafka.client(settings),
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 20,
        "batch.num.messages": 20_000,
        "batch.size": 500_000,
        "queue.buffering.max.messages": 200_000,
        "compression.type": "lz4",
        "partitioner": "murmur2_random",
        "message.timeout.ms": int(FLUSH_TIMEOUT_SECONDS * 1000),
    }
