"""The helpers that tables are tested with: they find what is wrong, whichever of several sources it came from."""

from __future__ import annotations

from datetime import date
from typing import Literal

import pyspark.sql.functions as F
import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import Column, DataFrame

from lakehouse_assets.engine.kinds import AnswerTable, DimensionTable, EventTable, KafkaTable, Upstream, View
from lakehouse_assets.engine.payload import json_timestamp, parse_json
from lakehouse_assets.testing import check_answers, check_events, check_view

DAY, NEXT = date(2026, 1, 1), date(2026, 1, 2)
OWNED = {"owner": "team:tests", "description": "For a test."}
PAYLOAD = {"No": T.StringType(), "Paid": T.IntegerType()}


class Paid(DataFrameModel):
    No: T.StringType = Field(description="Number")
    Paid: T.IntegerType = Field(ge=0, description="How much")


class Counted(DataFrameModel):
    event_date: T.DateType = Field(description="Day")
    paid: T.LongType = Field(description="Sum")
    named: T.LongType = Field(description="Of those with a name")


def at() -> Column:
    return json_timestamp("At")


def both(cards: DataFrame, cash: DataFrame) -> DataFrame:
    return parse_json(cards, PAYLOAD).unionByName(parse_json(cash, PAYLOAD), allowMissingColumns=True)


def with_name(records: DataFrame, names: DataFrame) -> DataFrame:
    known = names.select(F.col("No").alias("known"), F.lit(True).alias("is_known"))
    joined = parse_json(records, PAYLOAD).join(known, on=F.col("No") == F.col("known"), how="left")
    return joined.withColumn("Paid", F.when(F.col("is_known"), F.col("Paid")).otherwise(F.lit(-1)))


def counted(events: DataFrame, names: DataFrame) -> DataFrame:
    known = events.join(names.select("No", F.lit(1).alias("one")), on="No", how="left")
    sums = (F.sum("Paid").alias("paid"), F.count("one").alias("named"))
    return known.groupBy("event_date").agg(*sums)


CARDS, CASH = (
    KafkaTable(key=f"bronze/shop/{name}", topic=f"shop.{name}", event_time=at, **OWNED) for name in ("cards", "cash")
)
NAMES = DimensionTable(
    key="silver/shop/names",
    source=CASH,
    schema=Paid,
    grain=("No",),
    transform=lambda records: parse_json(records, PAYLOAD),
    **OWNED,
)


def events(keep: Literal["first", "last"] = "first") -> EventTable:
    source = (CASH, CARDS)
    return EventTable(
        key="silver/shop/paid", source=source, schema=Paid, grain=("No",), transform=both, keep=keep, **OWNED
    )


ANSWERS = AnswerTable(
    key="gold/shop/paid",
    source=(events(), Upstream(NAMES, looked_up=True)),
    schema=Counted,
    transform=counted,
    **OWNED,
)
VIEW = View(
    key="serve/shop/paid",
    over=(ANSWERS,),
    schema=Counted,
    grain=("event_date",),
    sql="SELECT event_date, paid, named FROM gold_shop_paid WHERE paid > 1",
    **OWNED,
)


def record(number: int, paid: int | str) -> dict[str, object]:
    return {"No": str(number), "Paid": paid, "At": "2026-01-01T10:00:00Z"}


@pytest.mark.services
@pytest.mark.parametrize(("keep", "paid"), [("first", 20), ("last", 10)])
def test_records_of_two_topics_are_given_by_key_and_come_in_the_order_of_the_sources(spark, keep, paid):
    """The first source's record of a grain is the first, although its key sorts after the other's."""
    check_events(
        events(keep),
        spark,
        records={
            CARDS.key: [record(1, 10), record(2, "x")],
            CASH.key: [record(1, 20), record(3, -1), record(4, 5)],
        },
        rows=[{"No": "1", "Paid": paid, "event_date": DAY}, {"No": "4", "Paid": 5, "event_date": DAY}],
        broken=[["Paid: greater_than_or_equal_to(0)"], ["Paid: not an int"]],
    )


@pytest.mark.services
def test_what_a_table_of_events_looks_up_is_given_beside_its_records(spark):
    """Unknown numbers break a rule here."""
    source = (CARDS, Upstream(NAMES, looked_up=True))
    table = EventTable(key="silver/shop/x", source=source, schema=Paid, grain=("No",), transform=with_name, **OWNED)
    check_events(
        table,
        spark,
        records={CARDS.key: [record(1, 10), record(2, 20)], NAMES.key: [{"No": "2"}]},
        rows=[{"No": "2", "Paid": 20}],
        broken=[["Paid: greater_than_or_equal_to(0)"]],
    )


@pytest.mark.services
def test_a_dimension_is_tested_like_events(spark):
    """One row a key, the newest, whatever its day."""
    older = record(1, 10) | {"At": "2026-02-01T00:00:00Z"}
    check_events(NAMES, spark, records=[older, record(1, 20)], rows=[{"No": "1", "Paid": 20}])


@pytest.mark.services
def test_answers_are_given_the_rows_of_each_source_by_its_key(spark):
    """A source that is not named is empty; another number is found."""
    paid = [{"event_date": DAY, "No": "1", "Paid": 2}, {"event_date": NEXT, "No": "2", "Paid": 3}]
    expected = [{"event_date": DAY, "paid": 2, "named": 1}, {"event_date": NEXT, "paid": 3, "named": 0}]
    check_answers(ANSWERS, spark, source={"silver/shop/paid": paid, NAMES.key: [{"No": "1"}]}, rows=expected)
    with pytest.raises(AssertionError, match="rows"):
        check_answers(ANSWERS, spark, source={"silver/shop/paid": paid}, rows=expected)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ([{"event_date": DAY}], "give rows by key: gold/shop/paid lives on silver/shop/paid, silver/shop/names"),
        ({"silver/shop/pay": []}, "not on silver/shop/pay"),
    ],
)
def test_rows_that_no_table_holds_are_refused(source, says, monkeypatch):
    """Before Spark is asked."""
    monkeypatch.setattr("lakehouse_assets.testing.activate", lambda spark: None)
    with pytest.raises(AssertionError, match=says):
        check_answers(ANSWERS, None, source=source, rows=[{}])


def test_a_view_is_read_over_the_rows_of_its_tables():
    """By delta-rs, without any service; another number is found."""
    held = [{"event_date": DAY, "paid": 2, "named": 1}, {"event_date": NEXT, "paid": 1, "named": 1}]
    check_view(VIEW, over=held, rows=[{"event_date": DAY, "paid": 2}])
    check_view(VIEW, over={ANSWERS.key: []}, rows=[])
    with pytest.raises(AssertionError, match="rows"):
        check_view(VIEW, over=held, rows=[{"event_date": DAY, "paid": 3}])
