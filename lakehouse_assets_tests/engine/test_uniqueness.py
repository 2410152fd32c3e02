"""Rows that share their values: found by one window, held to plain Python."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from pandera.pyspark import DataFrameModel
from pyspark.sql import Row

from lakehouse_assets.engine.uniqueness import repeated, shared

pytestmark = pytest.mark.services
NAN = float("nan")
SCHEMA = "at int, name string, share double, price decimal(38,18), raw binary"
ROWS = [
    (0, "a", 1.0, Decimal("1.0"), b"x"),
    (1, "a", 1.0, Decimal("1.000000000000000000"), b"x"),
    (2, "a", NAN, None, b"x"),
    (3, "a", NAN, None, b"x"),
    (4, "b", 0.0, Decimal("0.000000000000000001"), b""),
    (5, "b", -0.0, Decimal("0.000000000000000001"), b""),
    (6, None, None, None, None),
    (7, None, None, None, None),
    (8, None, None, None, None),
    (9, "\u00e9", 2.0, Decimal(2), b"y"),
    (10, "e\u0301", 2.0, Decimal(2), b"y"),
    (11, "A", 3.0, Decimal("0.000000000000000002"), b"\x00"),
]


def _key(row: tuple[Any, ...], at: tuple[int, ...]) -> tuple[Any, ...]:
    """NaN is itself here."""
    return tuple("NaN" if row[i] != row[i] else row[i] for i in at)


@pytest.mark.parametrize(
    "columns", [["name"], ["share"], ["price"], ["raw"], ["name", "share"], ["name", "share", "price", "raw"], ["at"]]
)
def test_rows_that_share_their_values_are_found(spark, columns):
    """Nulls, NaN and both zeros equal themselves; letters that only look alike do not."""
    at = tuple(["at", "name", "share", "price", "raw"].index(column) for column in columns)
    times = Counter(_key(row, at) for row in ROWS)
    expected = [row[0] for row in ROWS if times[_key(row, at)] > 1]
    rows = spark.createDataFrame(ROWS, SCHEMA)

    assert sorted(row["at"] for row in repeated(rows, columns).collect()) == expected
    assert [row["twice"] for row in rows.select("at", shared(columns).alias("twice")).orderBy("at").collect()] == [
        row[0] in expected for row in ROWS
    ]
    assert bool(_model(columns).validate(rows).pandera.errors) == bool(expected)


def test_the_columns_of_a_row_are_kept(spark):
    """What is found can be shown or set aside as it is."""
    rows = spark.createDataFrame([(1, "a"), (1, "b"), (2, "c")], "number int, name string")

    assert sorted(repeated(rows, ["number"]).collect()) == [Row(number=1, name="a"), Row(number=1, name="b")]
    assert repeated(rows.limit(0), ["number"]).collect() == []


def _model(columns: list[str]) -> type[DataFrameModel]:
    return type("Unique", (DataFrameModel,), {"Config": type("Config", (), {"unique": columns})})
