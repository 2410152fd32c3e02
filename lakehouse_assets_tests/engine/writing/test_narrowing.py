"""Promise 12: a record that makes code fail is found by halving, set aside, and left out by the same code."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pyspark.sql.functions as F
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.errors import PySparkRuntimeError
from pyspark.errors.exceptions.connect import NumberFormatException, SparkConnectException, SparkConnectGrpcException
from pyspark.sql import Column, DataFrame

from lakehouse_assets.engine.history.position import Slice, halve, without
from lakehouse_assets.engine.sources import kafka_records
from lakehouse_assets.engine.writing import judging, narrowing
from lakehouse_assets.engine.writing.judging import AnswerFailsError
from lakehouse_assets.engine.writing.narrowing import TooManyFailError, evaluated
from lakehouse_assets.engine.writing.verdicts import typed_rows
from lakehouse_assets.gold import sales_daily_revenue as gold
from lakehouse_assets.silver import sales_transactions as silver
from lakehouse_assets_tests.engine.lab import EVENT_TIME_MS, Lab, sale

DAY = date(2017, 3, 1)
NANOSECONDS = 1_793_528_130_000_000_000


class Bench:
    """Counts tries of a batch in which some offsets fail."""

    def __init__(self, *bad: int) -> None:
        self.bad, self.tries = {*bad}, 0

    def attempt(self, slices):
        self.tries += 1
        held = {offset for part in slices for offset in range(part.start, part.end)}
        if held & self.bad:
            raise NumberFormatException("no number")
        return held


@given(bad=st.sets(st.integers(0, 199), max_size=10), cuts=st.lists(st.integers(1, 199), max_size=4))
def test_just_the_failing_records_are_found_in_a_bounded_number_of_tries(bad, cuts):
    """Wherever they are and however the batch is cut into slices; all others are evaluated."""
    edges = sorted({0, 200, *cuts})
    slices = [Slice("t", 0, start, end) for start, end in pairwise(edges)]
    bench = Bench(*bad)

    held, found = evaluated(bench.attempt, slices, halve, 10, "silver/x")

    assert held == {*range(200)} - bad
    assert {each.part.start for each in found} == bad
    assert bench.tries <= 3 + len(bad) * (3 + 2 * math.ceil(math.log2(200)))


def test_one_record_of_250_000_takes_23_tries():
    """The batch twice, each halving once, the record alone, and the rest."""
    bench = Bench(123_456)
    evaluated(bench.attempt, [Slice("t", 0, 0, 250_000)], halve, 10, "silver/x")

    assert bench.tries <= 23


def test_a_fault_of_the_code_sets_nothing_aside():
    """More records than allowed fail: it is told with one of them, after few tries."""
    bench = Bench(*range(250_000))
    with pytest.raises(TooManyFailError, match=r"more than 10 records of a batch .* --retry"):
        evaluated(bench.attempt, [Slice("t", 0, 0, 250_000)], halve, 10, "silver/x")

    assert bench.tries <= 70


@pytest.mark.parametrize(
    "error",
    [
        SparkConnectGrpcException("UNAVAILABLE: connection reset"),
        narrowing.AnalysisException("no such column"),
        SparkConnectException(errorClass="NO_ACTIVE_SESSION", messageParameters={}),
        PySparkRuntimeError(errorClass="RESPONSE_ALREADY_RECEIVED", messageParameters={"error_type": "UNAVAILABLE"}),
        NumberFormatException("Job aborted: software.amazon.awssdk.core.exception.SdkClientException: no route"),
    ],
)
def test_a_fault_of_a_service_or_of_the_plan_is_raised_as_it_came(error):
    """Without a second look."""
    tries = []

    def attempt(slices):
        tries.append(slices)
        raise error

    with pytest.raises(type(error)):
        evaluated(attempt, [Slice("t", 0, 0, 9)], halve, 10, "silver/x")
    assert len(tries) == 1


@given(st.sets(st.integers(0, 30)), st.integers(0, 3))
def test_what_is_left_out_leaves_all_else(holes, start):
    """Of any slices, in any order."""
    slices = [Slice("t", 0, start, 20), Slice("t", 1, 0, 5), Slice("u", 0, 0, 5)]
    left = without(slices, [Slice("t", 0, each, each + 1) for each in holes])

    def at(parts):
        return {(part.topic_id, part.partition, offset) for part in parts for offset in range(part.start, part.end)}

    assert at(left) == at(slices) - {("t", 0, each) for each in holes}


def fragile(records: DataFrame) -> DataFrame:
    """The table's own transform, with a cast that some country makes fail."""
    return silver.transform(records).withColumn("Country", F.col("Country").cast("int").cast("string"))


@pytest.mark.services
@pytest.mark.slow
def test_a_record_on_which_the_transform_fails_is_set_aside_and_the_others_are_published(lab: Lab):
    """Also by a rebuild and a replay of the same code; new code takes it in."""
    mended = lab.silver
    lab.silver = replace(lab.silver, transform=fragile)
    lab.gold = replace(lab.gold, source=lab.silver)
    lab.send(*(sale(number, Country="47") for number in range(20)), sale(20, Country="Norway"), sale(21, Country="1"))
    lab.ingest()

    assert lab.coordinates(lab.silver.key) == [(0, offset) for offset in range(22) if offset != 20]
    (aside,) = lab.rows(lab.silver.quarantine)
    assert (aside["offset"], aside["reasons"]) == (20, ["record: the table's code fails on it (CAST_INVALID_INPUT)"])
    assert lab.plan() == ()
    assert lab.position(lab.silver) == lab.position(lab.bronze)

    lab.publish_all(lab.silver.rebuild(lab.engine(), [DAY]))
    lab.publish_all(lab.silver.replay(lab.engine(), [DAY]))
    assert lab.coordinates(lab.silver.key) == [(0, offset) for offset in range(22) if offset != 20]
    assert lab.coordinates(lab.silver.quarantine) == [(0, 20)]
    lab.assert_stock()

    lab.silver = mended
    lab.publish_all(lab.silver.replay(lab.engine(), [DAY]))
    assert lab.coordinates(lab.silver.key) == [(0, offset) for offset in range(22)]
    assert lab.rows(lab.silver.quarantine) == []


@pytest.mark.services
@pytest.mark.slow
def test_a_transform_that_fails_on_every_record_sets_nothing_aside(lab: Lab):
    """It is held with one of them named; bronze keeps what it took in."""
    lab.silver = replace(lab.silver, transform=fragile)
    lab.send(*map(sale, range(15))).land()

    with pytest.raises(TooManyFailError, match=r"CAST_INVALID_INPUT"):
        lab.refine()
    assert lab.rows(lab.silver.quarantine) == []
    assert lab.rows(lab.silver.key) == []


ODD = [0, 1, 253_402_300_800_000, 9_223_372_036_854_775, 9_223_372_036_854_776, NANOSECONDS, 2**63 - 1]
"""Now, 1970, the year 10,000, the last millisecond that Spark can read, the one after it, nanoseconds, the largest."""


@pytest.mark.slow
@pytest.mark.services
def test_a_record_that_sparks_reader_cannot_read_is_set_aside_with_its_bytes(lab: Lab):
    """Whatever its timestamp is; the next batch goes on by Spark; a repair passes it by."""
    producer = lab.producer()
    other = {"key": b"k", "partition": 0, "headers": [("h", None), ("", b"")]}
    for number, stamp in enumerate([*ODD, EVENT_TIME_MS]):
        producer.produce(lab.topic, sale(number), timestamp=stamp, **other)
    producer.flush()

    lab.ingest()
    lab.send(sale(8)).ingest()

    assert lab.coordinates(lab.bronze.key) == [(0, offset) for offset in (0, 1, 2, 3, 7, 8)]
    times = lab.rows(lab.bronze.key, '"offset", CAST(timestamp AS BIGINT) AS micros')
    assert [row["micros"] for row in times[1:4]] == [millis * 1000 for millis in ODD[1:4]]
    aside = lab.rows(lab.bronze.quarantine, '"offset", value, key, reasons')
    assert [(row["offset"], row["value"], row["key"]) for row in aside] == [(n, sale(n), b"k") for n in (4, 5, 6)]
    assert aside[1]["reasons"] == [f"timestamp: {NANOSECONDS} ms is no time that a date has; are these nanoseconds?"]
    lab.publish_all(lab.bronze.rebuild(lab.engine(), [DAY]))
    assert lab.coordinates(lab.bronze.key) == [(0, offset) for offset in (0, 1, 2, 3, 7, 8)]
    assert lab.coordinates(lab.bronze.quarantine) == [(0, 4), (0, 5), (0, 6)]
    assert [row["lines"] for row in lab.rows(lab.gold.key)] == [6]


@pytest.mark.slow
@pytest.mark.services
def test_records_that_are_read_one_by_one_are_bounded_in_bytes(lab: Lab, monkeypatch):
    """What does not fit is left for the next batch; a record that is larger than the bound goes by itself."""
    monkeypatch.setattr(kafka_records, "MOST_BYTES", 1_000)
    lab.add_partitions(2)
    producer = lab.producer()
    for number in range(6):
        odd = {"timestamp": NANOSECONDS} if number in {1, 5} else {"timestamp": EVENT_TIME_MS}
        value = sale(number, Country="x" * (2_000 if number == 3 else 200))
        producer.produce(lab.topic, value, partition=number % 2, **odd)
    producer.flush()
    batches = 0
    while lab.plan():
        lab.land()
        batches += 1

    assert batches > 2
    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 1), (0, 2), (1, 1)]
    assert lab.coordinates(lab.bronze.quarantine) == [(1, 0), (1, 2)]


def risky_time() -> Column:
    """Fails where the field is no number."""
    return F.timestamp_seconds(F.get_json_object(F.col("value").cast("string"), "$.Country").cast("bigint"))


@pytest.mark.services
@pytest.mark.slow
def test_a_record_on_which_the_event_time_fails_is_set_aside_whole(lab: Lab):
    """Bronze's own code is code as well."""
    lab.bronze = replace(lab.bronze, event_time=risky_time)
    lab.send(sale(0, Country="1488326400"), sale(1), sale(2, Country="1488326400"))

    lab.land()

    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 2)]
    (aside,) = lab.rows(lab.bronze.quarantine)
    assert (aside["offset"], aside["value"]) == (1, sale(1))
    assert aside["reasons"] == ["record: the table's code fails on it (CAST_INVALID_INPUT)"]


def proud(rows: DataFrame) -> DataFrame:
    """The table's own answers, by a cast that some product makes fail."""
    return gold.transform(rows.where(F.col("ProductNo").cast("int") >= 0))


@pytest.mark.services
def test_an_answer_whose_function_fails_names_the_day_and_the_row(lab: Lab):
    """Found by halving its input; nothing is written."""
    lab.gold = replace(lab.gold, transform=proud)
    lab.send(*(sale(number, product="7", date=f"2017-03-0{number}") for number in range(1, 8)))
    lab.send(sale(8, product="seven", date="2017-03-05")).land()
    lab.refine()

    with pytest.raises(AnswerFailsError, match=r"fails on 2017-03-05 \(CAST_INVALID_INPUT\).* partition 0 offset 7;"):
        lab.recompute()
    assert lab.rows(lab.gold.key) == []


@pytest.mark.services
@pytest.mark.slow
def test_one_record_in_250_000_is_found_in_a_bounded_number_of_tries(lab: Lab, monkeypatch, capsys):
    """As many tries as halvings, and few more; every other record is published."""
    many, tries = 250_000, []
    lab.silver = replace(lab.silver, transform=fragile)
    bad = sale(many, Country="Norway")
    records = [bad if number == 123_456 else sale(number, Country="47") for number in range(many)]
    for first in range(0, many, 50_000):
        lab.send(*records[first : first + 50_000])
    lab.land()
    monkeypatch.setattr(judging, "typed_rows", lambda *given: tries.append(time.monotonic()) or typed_rows(*given))

    started = time.monotonic()
    lab.refine()

    assert lab.coordinates(lab.silver.quarantine) == [(0, 123_456)]
    assert len(lab.coordinates(lab.silver.key)) == many - 1
    assert len(tries) <= 23
    with capsys.disabled():
        sys.stdout.write(
            f"\n1 of {many} found in {len(tries)} tries, {tries[-1] - started:.1f} s before the last one\n"
        )
