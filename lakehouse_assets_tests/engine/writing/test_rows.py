"""Rows that are computed once, and their verdict without a word to Spark."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lakehouse_assets.engine.grids import DAILY, UNPARTED, WHOLE
from lakehouse_assets.engine.writing import audits
from lakehouse_assets.engine.writing import rows as held
from lakehouse_assets.engine.writing.audits import Sampling, audit
from lakehouse_assets.engine.writing.rows import audited, collected, fits, once

pytestmark = pytest.mark.services

COLUMNS = "n int, event_date date, reasons array<string>, remarks array<string>"
GOOD = [(1, date(2017, 3, 1), [], []), (2, date(2017, 3, 1), [], []), (3, date(2017, 3, 2), [], [])]


def sampling() -> Sampling:
    return Sampling(F.col("n").cast("string"), F.create_map().cast("map<string,string>"))


@pytest.mark.parametrize(
    "row",
    [
        None,
        (4, date(2017, 3, 2), ["too dear"], []),
        (4, date(2017, 3, 2), [], ["odd"]),
        (4, None, [], []),
        (4, date(2017, 3, 3), ["a", "b"], ["c"]),
    ],
)
@pytest.mark.parametrize("grid", [DAILY, UNPARTED])
def test_the_verdict_is_that_of_spark(spark, row, grid):
    """Whether a row breaks a rule, lies in no partition, or all are good."""
    frame = spark.createDataFrame([*GOOD, *([row] if row else [])], COLUMNS)

    assert audited(once(frame, few=True), grid, sampling()) == audit(frame, grid, sampling())


CELLS = st.lists(st.sampled_from(["a", "b", "x: not declared", "é"]), max_size=3, unique=True)
BATCHES = st.lists(
    st.tuples(st.integers(0, 99), st.sampled_from([date(2017, 3, 1), date(2017, 3, 2), None]), CELLS, CELLS)
)


@settings(max_examples=15, deadline=None)
@given(BATCHES.filter(bool))
def test_any_verdict_is_that_of_spark(spark, batch):
    """Counts and samples: the first rows of each rule and day."""
    frame = spark.createDataFrame(batch, COLUMNS)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audits, "MOST_SAMPLES", 2)
        assert audited(once(frame, few=True), DAILY, sampling()) == audit(frame, DAILY, sampling())


def test_good_rows_are_counted_by_day_without_asking_spark(spark, monkeypatch):
    """None where there are none."""
    rows, none = (once(spark.createDataFrame(each, COLUMNS), few=True) for each in (GOOD, []))
    monkeypatch.setattr(audits, "audit", lambda *_: pytest.fail("asked Spark"))

    assert dict(audited(rows, DAILY, sampling()).good) == {date(2017, 3, 1): 2, date(2017, 3, 2): 1}
    assert dict(audited(rows, UNPARTED, sampling()).good) == {WHOLE: 3}
    assert dict(audited(none, DAILY, sampling()).good) == dict(audited(none, UNPARTED, sampling()).good) == {}


@pytest.mark.parametrize("few", [True, False])
def test_rows_are_computed_once(spark, few):
    """What is random stays as it was; of the many the server keeps them."""
    rows = once(spark.range(50).select(F.rand().alias("dice")), few=few)

    first, second = (sorted(row["dice"] for row in rows.frame.collect()) for _ in range(2))
    assert first == second
    assert (rows.here is not None) is few


def test_few_rows_that_are_too_large_stay_on_the_server(spark, monkeypatch):
    """A local relation is sent with each statement over it."""
    monkeypatch.setattr(held, "MOST_BYTES", 1000)

    assert once(spark.range(50).select(F.repeat(F.lit("x"), 100).alias("text")), few=True).here is None


TYPES = "at timestamp, day date, cents decimal(9,2), parts array<struct<k:string,v:binary>>, at_home timestamp_ntz"


@pytest.mark.parametrize("where", ["TRUE", "FALSE"])
def test_rows_are_collected_as_spark_hands_them_out(spark, where):
    """Of any type, also where there are none: in one round trip in the place of two."""
    made = "timestamp'2017-03-01 10:00:00', date'2017-03-01', 1.5BD, array(named_struct('k', 'a', 'v', X'01')), null"
    frame = spark.sql(f"SELECT {made}").toDF("at", "day", "cents", "parts", "at_home").to(StructType.fromDDL(TYPES))

    found, rows = collected(frame.where(where)), frame.where(where).toArrow()
    assert found == rows
    assert found.schema == rows.schema


def test_rows_that_are_too_large_are_not_collected_and_spark_goes_on(spark, monkeypatch):
    """The session has nothing left to do for them."""
    monkeypatch.setattr(held, "MOST_BYTES", 100_000)

    assert collected(spark.range(10**5).select(F.repeat(F.lit("x"), 100))) is None
    assert collected(spark.range(3)).num_rows == 3


@pytest.mark.parametrize("large", ["text", "text.cast('binary')", "F.array(text)", "F.struct(F.array(text))"])
def test_the_size_of_rows_is_told_before_they_are_collected(spark, monkeypatch, large):
    """Wherever in a row it lies; nulls and numbers count for nothing."""
    monkeypatch.setattr(held, "MOST_BYTES", 100_000)
    text = F.repeat(F.lit("x"), 1000)
    column = eval(large, {"F": F, "text": text}).alias("a `b`.c")

    assert fits(spark.range(10**6))
    assert fits(spark.range(10).select("id", column, F.lit(None).cast("string").alias("none")))
    assert not fits(spark.range(200).select("id", column))
