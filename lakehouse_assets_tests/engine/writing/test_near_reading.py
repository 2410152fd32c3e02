"""Few rows read by the run itself are what Spark reads, to the type; more of them are left to Spark."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pyspark.sql import DataFrame

from lakehouse_assets.engine.grids import DAILY, HOURLY
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.writing import delta, near_reading, small_files
from lakehouse_assets.engine.writing.spark_writer import SparkWriter
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services

SCHEMA = (
    "id long, `Ünit-Price` decimal(28,2), `@at` timestamp, day date, flag boolean, ratio double, raw binary,"
    " small short, tags array<string>, nested array<struct<a: string, b: array<struct<c: long, `d-e`: timestamp>>>>,"
    " fields map<string, string>, far timestamp, event_date date"
)
MOMENT, FIRST = datetime(2017, 3, 1, 2, 30, 0, 123456, UTC), datetime(1, 1, 1, tzinfo=UTC)
LEAST, NAN = Decimal("-99999999999999999999999999.99"), float("nan")
NESTED = [("x", [(1, MOMENT)])], [(None, None), ("", [])]
ROWS = [
    (1, Decimal("1.20"), MOMENT, date(2017, 3, 1), True, 0.5, b"\x00\xff", 7, ["a", None], NESTED[0], {"k": "v"}),
    (2, None, None, None, None, NAN, None, None, None, None, None),
    (3, LEAST, FIRST, date(9999, 12, 31), False, -0.0, b"", -1, [], NESTED[1], {}),
]
FAR = datetime(2262, 12, 31, 23, 59, 59, 999999, UTC)


@pytest.fixture
def written(lab: Lab) -> Lab:
    """A table of every type, two days, made by Spark."""
    rows = [(*row, FAR, date(2017, 3, 1 + row[0] % 2)) for row in ROWS]
    frame = lab.spark.createDataFrame(rows, SCHEMA)
    target = delta.Target(lab.spark, lab.lake, lab.gold.key)
    target.create(frame.schema, by=DAILY.columns)
    SparkWriter(target).replace(frame, "TRUE", Statement("increment", "run"))
    return lab


def shown(frame: DataFrame) -> list[str]:
    """As Spark itself says, which knows every value that a type has."""
    return sorted(row[0] for row in frame.selectExpr("to_json(struct(*), map('ignoreNullFields', 'false'))").collect())


@pytest.mark.parametrize("where", ["", "event_date IN (DATE'2017-03-01')", "id > 1 AND event_date = DATE'2017-03-02'"])
def test_values_of_every_type_are_those_that_spark_reads(written: Lab, where: str):
    """Also of names that SQL would have to quote, and of times and decimals at the end of what there is."""
    near = near_reading.read(written.spark, written.lake, written.gold.key, where, None, None)
    far = delta.read(written.spark, written.lake, written.gold.key, where=where)

    assert near.schema == far.schema
    assert shown(near) == shown(far) != []


@pytest.mark.parametrize("days", [[1], [1, 2]])
def test_values_of_every_type_are_also_those_of_files_that_are_read_whole(written: Lab, monkeypatch, days: list[int]):
    """And no query reads them."""
    monkeypatch.setattr(small_files, "FEWEST", 1)
    monkeypatch.setattr(near_reading, "QueryBuilder", None)
    parts, key = [date(2017, 3, day) for day in days], written.gold.key

    near = near_reading.read(written.spark, written.lake, key, DAILY.where(parts), None, None, parts)
    far = delta.read(written.spark, written.lake, key, where=DAILY.where(parts))

    assert near.schema == far.schema
    assert shown(near) == shown(far) != []


def test_records_between_coordinates_and_as_of_a_version(lab: Lab):
    """What an increment and a rebuild ask for."""
    lab.send(*map(sale, range(6))).land()
    lab.send(*map(sale, range(6, 9))).land()
    topic_id, key = lab.state().topic_id, lab.bronze.key

    between = near_reading.read(lab.spark, lab.lake, key, "", [Slice(topic_id, 0, 4, 7)], None)
    older = near_reading.read(lab.spark, lab.lake, key, "", None, lab.lake.version(key) - 1)

    assert sorted(row["offset"] for row in between.collect()) == [4, 5, 6]
    assert sorted(row["offset"] for row in older.collect()) == [0, 1, 2, 3, 4, 5]


def test_what_is_more_than_a_server_takes_by_value_is_left_to_spark(written: Lab, monkeypatch):
    """By rows and by bytes; a table that does not exist is nobody's."""
    args = (written.spark, written.lake, written.gold.key, "", None, None)
    monkeypatch.setattr(near_reading, "MOST_ROWS", 2)
    assert near_reading.read(*args) is None
    monkeypatch.setattr(near_reading, "MOST_ROWS", 3)
    assert near_reading.read(*args) is not None
    monkeypatch.setattr(near_reading, "MOST_BYTES", 8)
    assert near_reading.read(*args) is None
    assert near_reading.read(written.spark, written.lake, "gold/no/table", "", None, None) is None


def test_hours_are_pruned_by_their_text(lab: Lab, monkeypatch):
    """The physical column of hours is a text in Dagster's own form."""
    frame = lab.spark.createDataFrame([("2017-03-01-05:00", 1), ("2017-03-01-06:00", 2)], "event_hour string, n int")
    target = delta.Target(lab.spark, lab.lake, lab.gold.key)
    target.create(frame.schema, by=HOURLY.columns)
    SparkWriter(target).replace(frame, "TRUE", Statement("increment", "run"))

    parts = ["2017-03-01-06:00"]
    monkeypatch.setattr(small_files, "FEWEST", 1)
    found = near_reading.read(lab.spark, lab.lake, lab.gold.key, HOURLY.where(parts), None, None, parts)

    assert [(row["event_hour"], row["n"]) for row in found.collect()] == [("2017-03-01-06:00", 2)]
