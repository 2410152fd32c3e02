"""Reading JSON strictly: a field is of its type, or it is named; nothing is rounded, cut or guessed."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

import pyspark.sql.types as T
import pytest

from lakehouse_assets.engine.decoding.documents import MORE, NOT_AN_OBJECT, NOT_UTF8, PREFIXED
from lakehouse_assets.engine.payload import (
    ABSENT,
    FURTHER,
    MOST_UNDECLARED,
    UNDECLARED,
    UNREADABLE,
    UNREADABLE_AS,
    iso_timestamp,
    parse_json,
)
from lakehouse_assets.errors import ContractError

pytestmark = pytest.mark.services

TYPES = {
    "text": T.StringType(),
    "money": T.DecimalType(18, 2),
    "small": T.IntegerType(),
    "large": T.LongType(),
    "flag": T.BooleanType(),
}

WRONG = {
    "text": "not a string",
    "money": "not a decimal(18,2)",
    "small": "not an int",
    "large": "not a bigint",
    "flag": "not a boolean",
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
NOT_OBJECTS = [b"", b"not json", b'{"text": ', b"[1]", b"5", b'"x"', b"null", None, b'{"large":NaN}', b"{'large':1}"]
OTHER_FAULTS = {
    b'{"large":1}#': (MORE, None),
    b'{"large":1}}': (MORE, None),
    b'{"large":1}//': (MORE, None),
    b'{"large":1}\n{"large":2}': (MORE, None),
    b'{"large":1}{"large":2}': (MORE, None),
    b'{"large":1},{"large":2}': (MORE, None),
    b'{"large":1}] [': (MORE, None),
    b'{"large":1},{"x":0}] ': (MORE, None),
    b'{"large":1}\0': (MORE, None),
    b"\xff\xfe": (NOT_UTF8, "line 1, byte 1"),
    b'{"text":"K\xf8se"}': (NOT_UTF8, "line 1, byte 11"),
    '{"text":"\ufffd",\n"x":"'.encode() + b'\xed\xa0\x80"}': (NOT_UTF8, "line 2, byte 21"),
    b'\0\0\0\0\1{"large":1}': (PREFIXED, None),
}


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
    named = [f"{name}: {WRONG[name]}" for name, _ in UNREADABLE_VALUES]
    assert [row[UNREADABLE] for row in bad] == [[name] for name in named]
    assert all(row[name] is None for row, (name, _) in zip(bad, UNREADABLE_VALUES, strict=True))


def test_what_is_no_json_object_is_named_and_all_fields_are_null(spark):
    """Also an empty value, a tombstone, and what only lenient parsers take for JSON."""
    for row in parse(spark, NOT_OBJECTS):
        assert row[UNREADABLE] == [NOT_AN_OBJECT]
        assert [row[name] for name in TYPES] == [None] * len(TYPES)


def test_whatever_stands_beside_the_object_is_named(spark):
    """Nothing follows it in silence, and each byte of it is UTF-8; where not, the place is told."""
    for row, (reason, where) in zip(parse(spark, [*OTHER_FAULTS]), OTHER_FAULTS.values(), strict=True):
        assert row[UNREADABLE] == [reason]
        assert where == (row[UNREADABLE_AS][reason]["text"] if row[UNREADABLE_AS] else None)
        assert [row[name] for name in TYPES] == [None] * len(TYPES)


def test_every_unreadable_field_is_named_with_what_came(spark):
    """One look at the quarantine tells all that is wrong with a record; a long text is cut."""
    [row] = parse(spark, [json.dumps({"text": 1, "money": "x\ny", "small": 3, "flag": "a" * 90}).encode()])

    assert {reason: came["text"] for reason, came in row[UNREADABLE_AS].items()} == {
        "text: not a string": "1",
        "money: not a decimal(18,2)": r'"x\ny"',
        "flag: not a boolean": '"' + "a" * 59 + "…",
    }
    assert row[UNREADABLE] == [*row[UNREADABLE_AS]]
    assert row["small"] == 3


def test_a_field_given_twice_is_named_where_the_table_reads_it(spark):
    """Neither value is right; what nobody reads harms nobody, nor does a byte order mark."""
    read, unread, nested, marked = parse(
        spark,
        [
            b'{"large":1,"small":2,"large":3}',
            b'{"large":1,"x":1,"x":2,"X":3}',
            b'{"large":1,"x":{"y":1,"y":[{"z":1,"z":2}]}}',
            b'\xef\xbb\xbf{"large":1}',
        ],
    )

    assert (read["large"], read["small"], read[UNREADABLE]) == (None, 2, ["large: given twice"])
    assert [(row["large"], row[UNREADABLE]) for row in (unread, nested, marked)] == [(1, [])] * 3
    assert unread[UNDECLARED] == {"x": "1"}


NAMES = [
    "@ts",
    "user-id",
    "a.b",
    "a`b",
    "$x",
    "a'b",
    "x]",
    "",
    'q"q',
    "\U0001f95b",
    "x?",
    "\\",
    "a\tb",
    "rank",
    "value",
    "key",
]


def test_fields_of_any_name_can_be_declared(spark):
    """Also those of the record's own columns that nobody needs further on, and of the coordinate under another name."""
    schema = "id int, value binary, `offset` bigint"
    sent = {name: i for i, name in enumerate([*NAMES, "offset"])}
    records = spark.createDataFrame([(0, json.dumps(sent).encode(), 7)], schema)
    [row] = parse_json(records, dict.fromkeys(sent, T.LongType()), columns={"offset": "till_offset"}).collect()

    assert (row[UNREADABLE], row[ABSENT], row[UNDECLARED]) == ([], [], None)
    assert {name: row[name] for name in NAMES} | {"offset": row["till_offset"]} == sent
    assert row["offset"] == 7
    for name in ("offset", "Topic_ID", "event_date", "unreadable", "__lakehouse_text"):
        with pytest.raises(ContractError, match=name):
            parse_json(records, {name: T.LongType()})
    with pytest.raises(ContractError, match="promo"):
        parse_json(records, {"promo": T.LongType(), "Promo": T.LongType()})
    with pytest.raises(ContractError, match="binary"):
        parse_json(records, {"x": T.ArrayType(T.BinaryType())})


def test_a_record_may_bring_any_number_of_fields_and_only_so_many_are_kept(spark):
    """The rest stays readable in bronze; that there is more is told."""
    many = {f"sku_{i}": i for i in range(5000)}
    sent = ({"a": 1}, many, {"k" * 40_000: 1, "a": 1}, {"b": "x" * 10_000})
    few, all_of_them, long_name, long_text = parse(spark, [json.dumps(fields).encode() for fields in sent])

    assert (few[UNDECLARED], few[FURTHER]) == ({"a": "1"}, False)
    assert (len(all_of_them[UNDECLARED]), all_of_them[FURTHER]) == (MOST_UNDECLARED, True)
    assert (long_name[UNDECLARED], long_name[FURTHER]) == ({"a": "1"}, True)
    assert (long_text[UNDECLARED], long_text[FURTHER]) == ({}, True)


def test_the_five_bytes_of_a_schema_registry_are_passed_over_where_the_table_says_so(spark):
    records = spark.createDataFrame([(1, b'\0\0\0\0\1{"large":1}')], "id int, value binary")
    [row] = parse_json(records, {"large": T.LongType()}, schema_id=True).collect()

    assert (row["large"], row[UNREADABLE]) == (1, [])


TIMESTAMPS = {
    "2017-03-01": datetime(2017, 3, 1),
    "2017-03-01T23:30:00": datetime(2017, 3, 1, 23, 30),
    "2017-03-01 23:30:00.5": datetime(2017, 3, 1, 23, 30, 0, 500_000),
    "2017-03-01T23:30:00Z": datetime(2017, 3, 1, 23, 30),
    "2017-03-01T23:30:00-05:00": datetime(2017, 3, 2, 4, 30),
    "2016-02-29": datetime(2016, 2, 29),
    "2026-11-01T10:15Z": datetime(2026, 11, 1, 10, 15),
    "2026-11-01T10:15+01:00": datetime(2026, 11, 1, 9, 15),
    "2026-11-01 10:15": datetime(2026, 11, 1, 10, 15),
    "2026-11-01t10:15:30z": datetime(2026, 11, 1, 10, 15, 30),
    "2026-11-01 10:15:30,5+0100": datetime(2026, 11, 1, 9, 15, 30, 500_000),
    "2026-11-01T10:15:30.123456789-01": datetime(2026, 11, 1, 11, 15, 30, 123_456),
    "2026-11-01T23:59:60Z": None,
    "2026-11-01T10:15:30Z\n": None,
    "2026-11-01T24:00:00Z": None,
    "2026-11-01T10": None,
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
