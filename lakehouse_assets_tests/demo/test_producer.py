"""The producer against a real broker."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import Timer
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from lakehouse_assets.access import kafka
from lakehouse_assets.demo import producer, topic
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings, load
from lakehouse_assets_tests.demo.small_source import source

LINES = source()


@pytest.fixture
def settings(stack: object) -> Settings:
    return load()


def records(settings: Settings, name: str) -> dict[tuple[int, int], Message]:
    consumer = Consumer(kafka.client(settings) | {"group.id": "test", "enable.auto.commit": False})
    ends = {p: consumer.get_watermark_offsets(TopicPartition(name, p))[1] for p in range(topic.PARTITIONS)}
    consumer.assign([TopicPartition(name, p, 0) for p in ends])
    found: dict[tuple[int, int], Message] = {}
    while len(found) < sum(ends.values()):
        message = consumer.poll(10.0)
        assert message is not None
        assert message.error() is None
        found[message.partition() or 0, message.offset() or 0] = message
    consumer.close()
    return found


def entries(path: Path) -> dict[tuple[int, int], dict[str, Any]]:
    lines = [json.loads(line, parse_float=Decimal) for line in path.read_text().splitlines()]
    return {(line["partition"], line["offset"]): line for line in lines}


@pytest.mark.services
def test_the_manifest_names_exactly_what_is_on_the_topic(settings: Settings, tmp_path: Path) -> None:
    """Given two replays with different seeds, the second goes on where the first ended."""
    name, manifest, delivered = f"test.{uuid4().hex}", tmp_path / "m.jsonl", Counter[str]()
    sent = [
        producer.produce(
            settings,
            LINES,
            1_000,
            seed=seed,
            manifest=manifest,
            name=name,
            advance=lambda n: delivered.update(n=n),
        )
        for seed in (1, 2)
    ]
    found, lines = records(settings, name), entries(manifest)
    assert sent[1].start == sent[0].end
    assert topic.consumed(settings, name) == sent[1].end
    assert set(found) == set(lines)
    assert len(lines) == delivered["n"] == 2_000
    for coordinate, line in lines.items():
        if line["label"] == "good":
            value = json.loads(found[coordinate].value() or b"", parse_float=Decimal)
            assert value["TransactionNo"] == line["TransactionNo"]
            assert value["Price"] == line["Price"]


@pytest.fixture
def interruptible() -> Iterator[Any]:
    """Ctrl-C as in a terminal, also where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.mark.services
def test_ctrl_c_while_librdkafka_polls_is_a_plain_interrupt(
    settings: Settings, tmp_path: Path, interruptible: Any
) -> None:
    """No SystemError of its `poll`, at whatever moment the signal comes; and the manifest is complete."""
    name, manifest = f"test.{uuid4().hex}", tmp_path / "m.jsonl"
    topic.ensure(settings, name)
    for number in range(5):
        Timer(0.5 + 0.037 * number, os.kill, [os.getpid(), signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            producer.trickle(settings, LINES, 20.0, seed=1, manifest=manifest, name=name)

    assert signal.getsignal(signal.SIGINT) is interruptible
    assert set(records(settings, name)) == set(entries(manifest))


def test_a_broker_that_is_not_there_is_said_with_the_topics_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic, "TIMEOUT_SECONDS", 1.0)
    with pytest.raises(UnavailableError, match=r"topic sales\.transactions"):
        producer.produce(Settings(kafka_bootstrap="127.0.0.1:9"), LINES, 10, seed=1)
