"""Two writers, one result: whichever of them takes a batch through, and however batches are cut."""

from __future__ import annotations

import json
import random
from functools import cache
from itertools import pairwise
from unittest.mock import patch
from uuid import uuid4

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.writing import arrow_writer, small_files
from lakehouse_assets_tests.engine import expectation
from lakehouse_assets_tests.engine.expectation import Sent
from lakehouse_assets_tests.engine.lab import EVENT_TIME_MS, WAIT_SECONDS, WRITERS, Lab, sale
from lakehouse_assets_tests.engine.writing.test_deduplication import gold_of, silver_of

pytestmark = pytest.mark.services

PARTITIONS, RECORDS = 2, 14
KINDS = ("good", "good", "good", "good", "broken", "no calendar day", "new field", "aborted")


class Topic:
    """A topic with every kind of record and gap on it, which many labs read."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.sent, dice = lab.create_topic(PARTITIONS), list[Sent](), random.Random(11)
        for partition in range(PARTITIONS):
            for _ in range(RECORDS):
                self._send(dice, dice.choice(KINDS), partition)
        self.state = self.lab.state()

    def _send(self, dice: random.Random, kind: str, partition: int) -> None:
        number = dice.randrange(1, 6)
        day = "0017-03-01" if kind == "no calendar day" else f"2017-03-0{1 + number % 2}"
        further = {"Colour": "red"} if kind == "new field" else {}
        value = b"broken" if kind == "broken" else sale(number, price=dice.choice([1.25, 2.5]), date=day, **further)
        if kind == "aborted":
            return self._abort(value, partition)
        self.lab.send(value, partition=partition)
        at = self.lab.state().high[partition] - 1
        is_event = kind not in ("broken", "no calendar day")
        return self.sent.append(Sent((partition, at), _declared(value) if is_event else None))

    def _abort(self, value: bytes, partition: int) -> None:
        """Leaves a record and a marker that no reader gets."""
        producer = self.lab.producer(**{"transactional.id": uuid4().hex})
        producer.init_transactions(WAIT_SECONDS)
        producer.begin_transaction()
        producer.produce(self.lab.topic, value, partition=partition, timestamp=EVENT_TIME_MS)
        producer.flush(WAIT_SECONDS)
        producer.abort_transaction(WAIT_SECONDS)

    def reader(self) -> Lab:
        """Tables of its own over the topic."""
        lab = Lab(self.lab.settings, self.lab.spark, self.lab.topic, suffix=uuid4().hex[:6])
        lab.sent = self.lab.sent
        return lab


def _declared(value: bytes) -> dict[str, object]:
    """Without what the model does not name: it makes no other event."""
    return {name: each for name, each in json.loads(value).items() if name != "Colour"}


@pytest.fixture(scope="module")
def topic(services, spark) -> Topic:
    return Topic(Lab(services, spark))


@st.composite
def batches(draw, ends: tuple[int, ...]):
    """All offsets of each partition, cut into one to three batches, each with the writer of each layer and whether it
    reads small files whole."""
    count = draw(st.integers(1, 3))
    inner = [draw(st.lists(st.integers(0, end), min_size=count - 1, max_size=count - 1)) for end in ends]
    pieces = zip(*(pairwise([0, *sorted(cuts), end]) for cuts, end in zip(inner, ends, strict=True)), strict=True)
    writers = st.tuples(*[st.sampled_from(WRITERS)] * 3)
    return [(piece, draw(writers), draw(st.booleans())) for piece in pieces]


@cache
def by_spark_at_once(topic: Topic) -> dict[str, object]:
    """What all tables hold where Spark does everything, in one batch."""
    lab = topic.reader().written_by("spark").ingest()
    return held(lab)


def held(lab: Lab) -> dict[str, object]:
    """Every table and quarantine as delta-rs reads it, without the time of its writing."""
    keys = {table.layer: table for table in lab.tables}
    found: dict[str, object] = {}
    for layer, table in keys.items():
        found[layer] = lab.rows(table.key)
        found[f"{layer} set aside"] = [_shown(row) for row in lab.rows(table.quarantine)]
    return found


def _shown(row: dict) -> dict:
    return {name: value for name, value in row.items() if name != "set_aside_at" and value is not None}


def hold_for(topic: Topic, plan) -> None:
    lab = topic.reader()
    for pieces, (lands, refines, answers), whole in plan:
        slices = [Slice(topic.state.topic_id, number, *piece) for number, piece in enumerate(pieces)]
        with patch.object(small_files, "FEWEST", 1 if whole else small_files.FEWEST):
            lab.written_by(lands).land(slices)
            lab.written_by(refines).refine()
            lab.written_by(answers).recompute()

    assert silver_of(lab) == expectation.silver(topic.sent)
    assert gold_of(lab) == expectation.revenue(topic.sent)
    assert held(lab) == by_spark_at_once(topic)


def test_a_merge_that_has_read_its_partitions_whole_writes_them_anew(services, spark, monkeypatch):
    """Nobody looks for the rows again: those that meet, those that stay and those of a new day are all there once."""
    monkeypatch.setattr(small_files, "FEWEST", 1)
    monkeypatch.setattr(arrow_writer, "_merge", None)
    lab = Lab(services, spark).create_topic().written_by("run")
    lab.send(sale(1), sale(2)).ingest()

    lab.send(sale(1), sale(3), sale(4, date="2017-03-09")).ingest()

    rows = {row["TransactionNo"]: row for row in lab.rows(lab.silver.key)}
    assert len(lab.rows(lab.silver.key)) == len(rows) == 4
    assert {name: len(row["losers"]) for name, row in rows.items()} == {"1": 1, "2": 0, "3": 0, "4": 0}
    assert lab.lake.open(lab.silver.key).history(1)[0]["operation"] == "WRITE"


@settings(max_examples=3, phases=[Phase.generate], derandomize=True)
@given(data=st.data())
def test_both_writers_make_the_same_tables(topic, data):
    """Rows, losers, quarantines and joined columns: as plain Python says, and as Spark alone makes them at once."""
    hold_for(topic, data.draw(batches(tuple(topic.state.last_stable.values()))))


@pytest.mark.slow
@settings(max_examples=200, phases=[Phase.generate])
@given(data=st.data())
def test_both_writers_make_the_same_tables_in_many_more_plans(topic, data):
    """The same promise, looked for harder."""
    hold_for(topic, data.draw(batches(tuple(topic.state.last_stable.values()))))
