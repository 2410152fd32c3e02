"""The producer against a real broker."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Timer
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from lakehouse_assets.access import kafka
from lakehouse_assets.demo import producer, run, topic
from lakehouse_assets.demo.dates import ORIGINAL
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


@pytest.mark.services
def test_a_demo_of_another_day_goes_on_with_the_dates_of_the_first(settings: Settings) -> None:
    """Or the same line would arrive with another date, and be another row; whatever is asked for then."""
    name, today = f"test.{uuid4().hex}", date(2026, 11, 26)
    first = run.laid(LINES, run.Options(rows=500), settings, today, name)
    assert topic.begun_with(settings, name) is None
    producer.produce(settings, first, 500, seed=1, name=name)

    for options, later in ((run.Options(rows=900), 8), (run.Options(dates="original"), 1)):
        again = run.laid(LINES, options, settings, today + timedelta(days=later), name)
        assert again.dates == first.dates
        assert again.time.tolist() == first.time.tolist()
    assert first.dates.weeks == (today - timedelta(days=1) - date(2017, 1, 6)).days // 7


@pytest.mark.services
def test_a_topic_begun_as_recorded_goes_on_as_recorded(settings: Settings) -> None:
    """Also one of an older release, whose records have no such header."""
    name, today = f"test.{uuid4().hex}", date(2026, 11, 26)
    recorded = run.laid(LINES, run.Options(dates="original"), settings, today, name)
    producer.produce(settings, recorded, 100, seed=1, name=name)
    assert run.laid(LINES, run.Options(), settings, today, name).dates == ORIGINAL

    older, sender = f"test.{uuid4().hex}", Producer(kafka.client(settings))
    topic.ensure(settings, older)
    sender.produce(older, b"{}", headers=[("replay", b"40")])
    assert sender.flush(10) == 0
    assert run.laid(LINES, run.Options(), settings, today, older).dates == ORIGINAL
    assert topic.consumed(settings, older) == 40


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
