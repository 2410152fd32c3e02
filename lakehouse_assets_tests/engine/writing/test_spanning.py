"""Rules over several rows, held to plain Python: values shared, rows that have them, days too full or empty."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import DataFrame

from lakehouse_assets.engine.contracts import Contract
from lakehouse_assets.engine.grids import DAILY
from lakehouse_assets.engine.rules import SpanningRule, UniqueRule, VolumeRule
from lakehouse_assets.engine.writing import spanning

pytestmark = pytest.mark.services

MARCH_1, MARCH_2, MARCH_3 = (date(2017, 3, day) for day in (1, 2, 3))
NAN = float("nan")
SCHEMA = "name string, share double, price decimal(38,18), raw binary, event_date date"
ROWS = [
    ("a", 1.0, Decimal("1.0"), b"x", MARCH_1),
    ("a", 1.0, Decimal("1.000000000000000000"), b"x", MARCH_1),
    ("a", NAN, None, b"x", MARCH_1),
    ("a", NAN, None, b"x", MARCH_1),
    ("b", 0.0, Decimal("0.000000000000000001"), b"", MARCH_1),
    ("b", -0.0, Decimal("0.000000000000000001"), b"", MARCH_1),
    (None, None, None, None, MARCH_1),
    (None, None, None, None, MARCH_1),
    (None, None, None, None, MARCH_2),
    ("é", 2.0, Decimal(2), b"y", MARCH_2),
    ("e\u0301", 2.0, Decimal(2), b"y", MARCH_2),
    ("A", 3.0, Decimal("0.000000000000000002"), b"\x00", MARCH_2),
]
NAMES = ("name", "share", "price", "raw")


@pytest.fixture(scope="module")
def rows(spark) -> DataFrame:
    return spark.createDataFrame(ROWS, SCHEMA).localCheckpoint()


def broken(rows: DataFrame, *rules: SpanningRule, days=(MARCH_1, MARCH_2)) -> dict[date, dict[str, int]]:
    contract = Contract(rows.drop("event_date").schema, (), "", spanning=rules)
    table = SimpleNamespace(contract=contract, grid=DAILY)
    return spanning.audit(rows.sparkSession, None, table, rows, days).broken


def key(row: tuple[Any, ...], columns: tuple[str, ...]) -> tuple[Any, ...]:
    """NaN is itself here; a day counts for itself."""
    values = [row[NAMES.index(name)] for name in columns]
    return (row[-1], *("NaN" if value != value else value for value in values))


def test_rows_of_a_day_that_share_their_values_are_counted(rows):
    """Nulls, NaN and both zeros equal themselves; letters that only look alike do not; all rules in one query."""
    rules = [UniqueRule(columns) for columns in (("name",), ("share",), ("price",), ("raw",), NAMES[:2], NAMES)]
    found = broken(rows, *rules)

    for rule in rules:
        times = Counter(key(row, rule.columns) for row in ROWS)
        expected = Counter(row[-1] for row in ROWS if times[key(row, rule.columns)] > 1)
        assert {day: names[rule.name] for day, names in found.items() if rule.name in names} == dict(expected), rule


def test_days_with_too_few_or_too_many_rows_are_named_and_an_empty_one_has_too_few(rows):
    few, many = VolumeRule(at_least=5), VolumeRule(at_most=7)

    assert broken(rows, few, many, days=(MARCH_1, MARCH_2, MARCH_3)) == {
        MARCH_1: {many.name: 8},
        MARCH_2: {few.name: 4},
        MARCH_3: {few.name: 1},
    }
    assert broken(rows.limit(0), UniqueRule(("name",))) == {}
