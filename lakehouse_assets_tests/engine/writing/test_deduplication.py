"""One row for each grain: which record wins depends on the records alone, not on how or when they came."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.sources.kafka_source import KafkaSource
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.errors import PlanError
from lakehouse_assets_tests.engine import expectation
from lakehouse_assets_tests.engine.expectation import Event, Sent
from lakehouse_assets_tests.engine.lab import WRITERS, Lab, sale

pytestmark = pytest.mark.services

PARTITIONS, RECORDS = 3, 12
ROW = '"TransactionNo", "ProductNo", event_date, "partition", "offset", "Price", content_hash, losers'


@pytest.fixture(scope="module")
def landed(services, spark) -> tuple[Lab, list[Sent]]:
    """A topic on which the same few events come again and again, with other content or broken, all of it in bronze."""
    dice = random.Random(7)
    lab, sent = Lab(services, spark).create_topic(PARTITIONS), []
    for partition in range(PARTITIONS):
        for offset in range(RECORDS):
            number, price = dice.randrange(1, 7), dice.choice([1.25, 1.25, 2.5])
            value = sale(number, price=price, date=f"2017-03-0{1 + number % 2}")
            broken = dice.random() < 0.2
            lab.send(b"broken" if broken else value, partition=partition)
            sent.append(Sent((partition, offset), None if broken else json.loads(value)))
    lab.land()
    return lab, sent


@st.composite
def batches(draw):
    """All offsets of all partitions in any order that a topic allows, in one to three batches, some tried twice.

    With each batch the writers of its tries: the run itself, or Spark.
    """
    pieces = []
    for partition in range(PARTITIONS):
        cuts = sorted({0, RECORDS, *draw(st.lists(st.integers(0, RECORDS), max_size=2))})
        pieces.append([(partition, start, end) for start, end in pairwise(cuts)])
    order = draw(st.permutations([partition for partition, own in enumerate(pieces) for _ in own]))
    queue = [pieces[partition].pop(0) for partition in order]
    ends = sorted({*draw(st.lists(st.integers(1, len(queue)), max_size=2)), len(queue)})
    starts = [0, *ends[:-1]]
    writers = st.lists(st.sampled_from(WRITERS), min_size=1, max_size=2)
    return [(queue[start:end], draw(writers)) for start, end in zip(starts, ends, strict=True)]


@settings(max_examples=2, phases=[Phase.explicit, Phase.generate], derandomize=True)
@given(plan=batches())
def test_order_split_and_repetition_of_batches_make_no_difference(landed, plan):
    """Winners, the duplicates and superseded records of each, and gold to the cent: as the plain oracle says."""
    hold_for(landed, plan)


@pytest.mark.slow
@settings(max_examples=200, phases=[Phase.explicit, Phase.generate])
@given(plan=batches())
def test_order_split_and_repetition_make_no_difference_in_many_more_plans(landed, plan):
    """The same promise, looked for harder."""
    hold_for(landed, plan)


def hold_for(landed, plan) -> None:
    shared, sent = landed
    lab = Lab(shared.settings, shared.spark, shared.topic, suffix=uuid4().hex[:6])
    lab.silver = replace(lab.silver, source=shared.bronze)
    lab.gold = replace(lab.gold, source=lab.silver)

    for pieces, writers in plan:
        refine(lab, shared.state().topic_id, pieces, writers)
    lab.recompute()

    assert lab.position(lab.gold) == shared.position(shared.bronze)
    assert silver_of(lab) == expectation.silver(sent)
    assert gold_of(lab) == expectation.revenue(sent)
    aside = [record.at for record in sent if record.fields is None]
    assert lab.coordinates(lab.silver.quarantine) == aside


def refine(lab: Lab, topic_id: str, pieces, writers) -> None:
    """The batch, tried by each of the writers: the first one that commits wins."""
    slices, labs = tuple(Slice(topic_id, *piece) for piece in pieces), [lab.written_by(writer) for writer in writers]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KafkaSource, "cap", lambda _source, _beyond: slices)
        prepared = [each.silver.increment(each.engine(), LATER) for each in labs]
    labs[0].publish(prepared[0])
    for each, again in zip(labs[1:], prepared[1:], strict=True):
        with pytest.raises(PlanError):
            each.publish(again)


def silver_of(lab: Lab) -> dict[tuple[str, str, str], Event]:
    return {
        (row["TransactionNo"], row["ProductNo"], str(row["event_date"])): Event(
            (row["partition"], row["offset"]),
            row["Price"],
            losers(row, is_same=True),
            losers(row, is_same=False),
        )
        for row in lab.rows(lab.silver.key, ROW)
    }


def losers(row, is_same: bool) -> frozenset[tuple[int, int]]:
    return frozenset(
        (loser["partition"], loser["offset"])
        for loser in row["losers"]
        if (loser["content_hash"] == row["content_hash"]) is is_same
    )


def gold_of(lab: Lab):
    return {str(row["event_date"]): (row["revenue"], row["lines"]) for row in lab.rows(lab.gold.key)}
