"""Reading JSON strictly: a field is of its type, or it is named; nothing is rounded, cut or guessed."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

import pyspark.sql.types as T
import pytest

from lakehouse_assets.engine.payload import NOT_AN_OBJECT, UNREADABLE, iso_timestamp, parse_json

pytestmark = pytest.mark.services

TYPES = {
    "text": T.StringType(),
    "money": T.DecimalType(18, 2),
    "small": T.IntegerType(),
    "large": T.LongType(),
    "flag": T.BooleanType(),
}

READABLE = [
    ("text", '"milk"', "milk"),
    ("text", '"Zoë \\u00e9 \\ud83e\\udd5b"', "Zoë é 🥛"),
    ("text", '""', ""),
    ("text", "null", None),
    ("money", "12.34", Decimal("12.34")),
    ("money", "-0.01", Decimal("-0.01")),
    ("money", "7", Decimal("7.00")),
    ("money", "9999999999999999.99", Decimal("9999999999999999.99")),
    ("small", "2147483647", 2147483647),
    ("small", "3.0", 3),
    ("large", "-9223372036854775808", -(2**63)),
    ("flag", "true", True),
]
UNREADABLE_VALUES = [
    ("text", "5"),
    ("text", "true"),
    ("text", "{}"),
    ("text", '["milk"]'),
    ("money", '"12.34"'),
    ("money", "0.001"),
    ("money", "99999999999999999"),
    ("money", "true"),
    ("small", "2147483648"),
    ("small", "1.5"),
    ("small", '"1"'),
    ("large", "9223372036854775808"),
    ("flag", "1"),
    ("flag", '"true"'),
]
NOT_OBJECTS = [b"", b"not json", b'{"text": ', b"[1]", b"5", b'"x"', b"null", b"\xff\xfe", None]


def parse(spark, values: list[bytes | None]):
    schema = "id int, value binary"
    records = spark.createDataFrame([(i, value) for i, value in enumerate(values)], schema)
    return parse_json(records, TYPES).orderBy("id").collect()


def test_a_field_is_read_exactly_or_named_as_unreadable(spark):
    """One broken field neither hides nor breaks the others; a missing field or null is null and readable."""
    documents = [f'{{"{name}": {text}}}'.encode() for name, text, *_ in READABLE + UNREADABLE_VALUES]

    rows = parse(spark, documents)

    good, bad = rows[: len(READABLE)], rows[len(READABLE) :]
    assert [(row[name], row[UNREADABLE]) for row, (name, *_) in zip(good, READABLE, strict=True)] == [
        (value, []) for _, _, value in READABLE
    ]
    named = [f"{name}: not a {TYPES[name].simpleString()}" for name, _ in UNREADABLE_VALUES]
    assert [row[UNREADABLE] for row in bad] == [[name] for name in named]
    assert all(row[name] is None for row, (name, _) in zip(bad, UNREADABLE_VALUES, strict=True))


def test_what_is_no_json_object_is_named_and_all_fields_are_null(spark):
    """Also an empty value, a tombstone and bytes that are no text."""
    for row in parse(spark, NOT_OBJECTS):
        assert row[UNREADABLE] == [NOT_AN_OBJECT]
        assert [row[name] for name in TYPES] == [None] * len(TYPES)


def test_every_unreadable_field_is_named(spark):
    """One look at the quarantine tells all that is wrong with a record."""
    [row] = parse(spark, [json.dumps({"text": 1, "money": "x", "small": 3}).encode()])

    assert row[UNREADABLE] == ["text: not a string", "money: not a decimal(18,2)"]
    assert row["small"] == 3


TIMESTAMPS = {
    "2017-03-01": datetime(2017, 3, 1),
    "2017-03-01T23:30:00": datetime(2017, 3, 1, 23, 30),
    "2017-03-01 23:30:00.5": datetime(2017, 3, 1, 23, 30, 0, 500_000),
    "2017-03-01T23:30:00Z": datetime(2017, 3, 1, 23, 30),
    "2017-03-01T23:30:00-05:00": datetime(2017, 3, 2, 4, 30),
    "2016-02-29": datetime(2016, 2, 29),
    "2017-02-29": None,
    "2017-13-01": None,
    "1.3.2017": None,
    "20170301": None,
    "2017": None,
    "+12017-03-01": None,
    "12017-03-01": None,
    "today": None,
    "": None,
    None: None,
}


def test_times_are_iso_and_utc(spark):
    """A time with a zone is brought to UTC, one without is UTC; whatever else is null and never guessed."""
    rows = spark.createDataFrame([(text,) for text in TIMESTAMPS], "text string")
    found = rows.select("text", iso_timestamp(rows.text).cast("timestamp_ntz").alias("at")).collect()

    assert {row["text"]: row["at"] for row in found} == TIMESTAMPS
