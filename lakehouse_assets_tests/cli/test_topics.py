"""`lakehouse topics`: made, listed and fed on a real broker; and no client is dropped before its answer is read."""

from __future__ import annotations

import ast
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from typer.testing import CliRunner

from lakehouse_assets.access import kafka as access
from lakehouse_assets.cli import app
from lakehouse_assets.engine.sources import kafka
from lakehouse_assets.errors import LakehouseError, UnavailableError
from lakehouse_assets_tests import PROJECT

CLIENTS = {"AdminClient", "Producer", "Consumer"}


def said(*words: str, given: str | None = None) -> str:
    done = CliRunner().invoke(app, ["topics", *words], input=given)
    if done.exception is not None:
        raise done.exception
    return done.output


@pytest.mark.services
def test_a_topic_is_made_fed_and_listed(services, monkeypatch):
    """Its records are read by another client; a second `create` changes nothing; a name out of rule is refused."""
    monkeypatch.setenv("COLUMNS", "120")
    name = f"lab.{uuid4().hex[:8]}"

    assert said("create", name, "--partitions", "3") == f"topic {name}: made, 3 partitions.\n"
    assert said("create", name) == f"topic {name}: exists already; nothing was changed, 3 partitions.\n"
    assert said("send", name, '{"n": 1}', '{"n": 2}', "--key", "k") == f"topic {name}: 2 records sent.\n"
    assert said("send", name, "--key", "k", given='{"n": 3}\n\n{"n": 4}\n') == f"topic {name}: 2 records sent.\n"

    state = kafka.topic_state(services, name)
    (partition,) = (each for each, end in state.last_stable.items() if end)
    consumer = Consumer(access.client(services) | {"group.id": "test", "enable.auto.commit": False})
    consumer.assign([TopicPartition(name, partition, 0)])
    assert [message.value() for message in consumer.consume(4, 10)] == [b'{"n": %d}' % n for n in (1, 2, 3, 4)]
    consumer.close()
    line = next(line for line in said("list").splitlines() if name in line)
    assert [word for word in line.split() if word.isdigit()] == ["3", "4"]
    with pytest.raises(LakehouseError, match="the broker refuses"):
        said("create", "no spaces here")
    with pytest.raises(LakehouseError, match="lakehouse topics create nowhere"):
        said("send", "nowhere", "{}")


def test_before_the_first_start_it_says_how_to_start(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "home"))
    with pytest.raises(UnavailableError, match="lakehouse up"):
        said("create", "a.topic")


def dropped_at_once(source: str) -> list[int]:
    """Lines on which a Kafka client's answer is asked for while nobody holds the client."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    return [
        node.lineno
        for node in calls
        if isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") in CLIENTS
    ]


def test_no_client_is_dropped_before_its_future_is_read():
    """In the project, its tests, its benchmarks: a client without a name dies before its answer is there."""
    assert dropped_at_once('AdminClient(o).create_topics([t])["t"].result()') == [1]
    rooms = ("lakehouse_assets", "lakehouse_assets_tests", "benchmarks")
    files = [path for room in rooms for path in (PROJECT / room).rglob("*.py")]

    assert {str(path): lines for path in files if (lines := dropped_at_once(path.read_text()))} == {}
