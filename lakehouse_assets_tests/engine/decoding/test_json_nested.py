"""JSON within JSON: a declared field is whole and typed at each level, or null with every kind of fault named."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyspark.sql.types as T
import pytest

from lakehouse_assets.engine.decoding import Epoch, Json
from lakehouse_assets.errors import ContractError
from lakehouse_assets_tests.engine.decoding.decoded import decoded, event_times, reasons

pytestmark = pytest.mark.services


def struct(**fields: T.DataType) -> T.StructType:
    return T.StructType([T.StructField(name, dtype) for name, dtype in fields.items()])


LINES = T.ArrayType(struct(sku=T.StringType(), price=T.DecimalType(18, 2)))
ORDER = Json({"no": T.StringType(), "lines": LINES, "labels": T.MapType(T.StringType(), T.LongType())}, ["labels"])


def orders(spark, *texts: str, decoder: Json = ORDER) -> list[dict[str, Any]]:
    return decoded(spark, decoder, [text.encode() for text in texts])


def test_a_wrong_value_deep_inside_makes_its_field_null_and_is_named(spark):
    """By its path without the numbers, of which there are few; where it stands and what came is told beside it."""
    wrong, kinds = orders(
        spark,
        '{"no":"1","lines":[{"sku":"a","price":1},{"sku":"b","price":"2.50"},{"sku":7,"price":"x"}],"labels":{"k":1}}',
        '{"no":"1","lines":[null,[],{"sku":null}],"labels":{"a":1,"b\\u202e":"x"}}',
    )

    assert (wrong["no"], wrong["lines"], wrong["labels"]) == ("1", None, {"k": 1})
    assert reasons(wrong) == {
        "lines[].price: not a decimal(18,2)": '"2.50" at lines[1].price',
        "lines[].sku: not a string": "7 at lines[2].sku",
    }
    assert reasons(kinds) == {
        "lines[]: not an object": "[] at lines[1]",
        "labels[]: not a bigint": r'"x" at labels[b\u202E]',
    }
    assert wrong["as"]["lines[].price: not a decimal(18,2)"]["column"] == "lines"


def test_a_null_is_a_null_and_nothing_more(spark):
    """In arrays and maps too, also an empty one, also under an empty name."""
    [row] = orders(spark, '{"no":null,"lines":[null,{"sku":null},{}],"labels":{"":null,"x":2}}')

    assert (row["lines"], row["labels"], row["unreadable"]) == (
        [None, {"sku": None, "price": None}, {"sku": None, "price": None}],
        {"": None, "x": 2},
        [],
    )


def test_what_is_not_nullable_has_to_be_there(spark):
    line = T.StructType([T.StructField("sku", T.StringType(), nullable=False)])
    decoder = Json({"lines": T.ArrayType(line, containsNull=False), "m": T.MapType(T.StringType(), line, False)})

    absent, null = orders(
        spark, '{"lines":[{}],"m":{"a":{}}}', '{"lines":[null,{"sku":null}],"m":{"a":null}}', decoder=decoder
    )

    assert reasons(absent) == {"lines[].sku: absent": "at lines[0].sku", "m[].sku: absent": "at m[a].sku"}
    assert [*reasons(null)] == ["lines[]: null", "lines[].sku: null", "m[]: null"]


def test_a_name_given_twice_within_a_field_is_named_where_the_table_reads_it(spark):
    read, other, key = orders(
        spark,
        '{"no":"1","lines":[{"sku":"a","sku":"a"}]}',
        '{"no":"1","lines":[{"sku":"a","x":{"y":1,"y":2}}]}',
        '{"no":"1","lines":[],"labels":{"a":1,"b":2,"b":2}}',
    )

    assert reasons(read) == {"lines[].sku: given twice": "at lines[0].sku"}
    assert (other["lines"], other["unreadable"]) == ([{"sku": "a", "price": None}], [])
    assert reasons(key) == {"labels[]: given twice": "at labels[b]"}
    assert [read["lines"], key["labels"]] == [None, None]


def test_fields_that_nobody_declared_are_told_by_their_path(spark):
    """The first value of each; that there are more of them, or larger ones, is told."""
    many = {f"f{i}": i for i in range(150)}
    row, long, bounded = orders(
        spark,
        '{"no":"1","X":1,"lines":[{"Colour":"red"},{"colour":"blue","Sku":"b"}]}',
        json.dumps({"no": "1", "lines": [{"t": "x" * 9_000}]}),
        json.dumps({"no": "1", "lines": [many | {f"g{i}": 1} for i in range(3)]}),
    )

    assert row["undeclared"] == {"x": "1", "lines[].colour": "red", "lines[].Sku": "b"}
    assert (long["undeclared"], long["__lakehouse_further"], long["unreadable"]) == ({}, True, [])
    assert (len(bounded["undeclared"]), bounded["__lakehouse_further"]) == (100, True)
    assert not row["__lakehouse_further"]


def test_names_are_taken_as_they_are(spark):
    """`Rank` is no `rank`: it is told by the name it has. Both can be declared, for columns of different names."""
    both, other = orders(spark, '{"rank":1,"Rank":2}', '{"Rank":3}', decoder=Json({"rank": T.LongType()}))
    two = Json({"rank": T.LongType(), "Rank": T.LongType()}, columns={"Rank": "rank_2"})
    [declared] = orders(spark, '{"Rank":2,"rank":1}', decoder=two)

    assert (both["rank"], both["undeclared"], both["unreadable"]) == (1, {"Rank": "2"}, [])
    assert (other["rank"], other["undeclared"], other["absent"]) == (None, {"Rank": "3"}, ["rank"])
    assert (declared["rank"], declared["rank_2"], declared["undeclared"]) == (1, 2, None)


NAMES = [
    "",
    "@ts",
    "user-id",
    "a.b",
    "a`b",
    "a'b",
    'q"q',
    "x]",
    "50%s",
    "\\",
    "a\tb",
    "🥛",
    "value",
    "offset",
    "\u202e",
]


def test_fields_within_a_field_have_any_name(spark):
    dtype = T.StructType([T.StructField(name, T.LongType()) for name in NAMES])
    decoder = Json({"o": T.ArrayType(dtype), "m": T.MapType(T.StringType(), T.LongType())})
    sent = {name: i for i, name in enumerate(NAMES)}
    good, bad = orders(
        spark,
        json.dumps({"o": [sent], "m": sent}),
        json.dumps({"o": [dict.fromkeys(NAMES, "x")], "m": {}}),
        decoder=decoder,
    )

    assert (good["o"], good["m"], good["unreadable"]) == ([sent], sent, [])
    assert len(bad["unreadable"]) == len(NAMES)
    assert reasons(bad)['o[]["50%s"]: not a bigint'] == '"x" at o[0]["50%s"]'


HOSTILE = {
    '{"a":[NaN]}': "value: not a JSON object",
    '{"a":[1e400]}': "a[]: not a bigint",
    '{"a":[1e-400]}': "a[]: not a bigint",
    '{"a":[9223372036854775808]}': "a[]: not a bigint",
    '{"a":[1.5]}': "a[]: not a bigint",
    '{"a":["1"]}': "a[]: not a bigint",
    '{"a":' + "[" * 900 + "]" * 900 + "}": "a[]: not a bigint",
    '{"a":"[1]"}': "a: not an array",
    '{"a":{"0":1}}': "a: not an array",
    '{"a":[1,]}': "value: not a JSON object",
    '{"a":[' + "1," * 20_000 + "x]}": "value: not a JSON object",
}


def test_hostile_arrays_have_a_reason_and_a_huge_one_is_read(spark):
    decoder = Json({"a": T.ArrayType(T.LongType())})
    *bad, huge = orders(spark, *HOSTILE, '{"a":[' + ",".join("7" * 200_000) + "]}", decoder=decoder)

    assert [row["unreadable"] for row in bad] == [[reason] for reason in HOSTILE.values()]
    assert (huge["a"], huge["unreadable"]) == ([7] * 200_000, [])


def test_numbers_within_a_field_are_not_rounded(spark):
    """Spark's own text of a nested number goes through a double."""
    exact = "12345678901234567890.1234567890123456"
    decoder = Json({"o": T.MapType(T.StringType(), T.MapType(T.StringType(), T.DecimalType(38, 16)))})
    [row] = orders(spark, f'{{"o":{{"x":{{"y":{exact}}}}}}}', decoder=decoder)

    assert row["o"] == {"x": {"y": Decimal(exact)}}


TIMES = {
    ("seconds", "1700000000"): datetime(2023, 11, 14, 22, 13, 20),
    ("seconds", "1700000000.000001"): datetime(2023, 11, 14, 22, 13, 20, 1),
    ("seconds", "1.7E9"): datetime(2023, 11, 14, 22, 13, 20),
    ("seconds", "1700000000.0000001"): None,
    ("seconds", "1700000000000"): None,
    ("seconds", '"1700000000"'): None,
    ("millis", "1700000000000"): datetime(2023, 11, 14, 22, 13, 20),
    ("millis", "-1"): datetime(1969, 12, 31, 23, 59, 59, 999_000),
    ("millis", "1700000000000000"): None,
    ("millis", "253402300799999.999"): datetime(9999, 12, 31, 23, 59, 59, 999_999),
    ("micros", "1700000000000000"): datetime(2023, 11, 14, 22, 13, 20),
    ("micros", "0.5"): None,
    ("micros", "-62135596800000000"): datetime(1, 1, 1),
    ("micros", "-62135596800000001"): None,
    ("micros", "1" + "0" * 40): None,
}


def test_times_are_numbers_of_the_declared_unit(spark):
    """Exactly; another unit is far from any year."""
    units: dict[str, list[str]] = {}
    for unit, text in TIMES:
        units.setdefault(unit, []).append(text)
    for unit, texts in units.items():
        decoder = Json({"m": struct(ts=Epoch(unit))})  # type: ignore[arg-type]
        values = [f'{{"m":{{"ts":{text}}}}}'.encode() for text in texts]
        wanted = [TIMES[unit, text] for text in texts]
        rows = decoded(spark, decoder, values)
        assert [row["m"] and row["m"]["ts"] for row in rows] == wanted
        assert [row["unreadable"] == [] for row in rows] == [at is not None for at in wanted]
        assert event_times(spark, decoder, values, "m", "ts") == wanted


def test_the_event_time_is_the_declared_field(spark):
    """In whatever form; null where it cannot be read."""
    decoder = Json({"at": T.TimestampType(), "day": T.DateType(), "o": struct(at=T.TimestampType())}, schema_id=True)
    values = [
        b"\0\0\0\0\1" + text for text in (b'{"at":"2026-01-01","day":"2026-01-02","o":{"at":"x"}}', b'{"o":5}', b"5")
    ]

    assert event_times(spark, decoder, values, "at") == [datetime(2026, 1, 1), None, None]
    assert event_times(spark, decoder, values, "day") == [datetime(2026, 1, 2), None, None]
    assert event_times(spark, decoder, values, "o", "at") == [None, None, None]
    for path in (("o",), ("x",), ("o", "x"), ("at", "x")):
        with pytest.raises(ContractError, match=r"\.".join(path)):
            decoder.event_time(*path)


def deep(levels: int) -> T.DataType:
    return T.ArrayType(deep(levels - 1)) if levels else T.LongType()


def test_types_without_a_reader_are_refused_when_they_are_declared(spark):
    [row] = orders(spark, '{"a":' + "[" * 10 + "1" + "]" * 10 + "}", decoder=Json({"a": deep(10)}))
    assert row["a"] == [[[[[[[[[[1]]]]]]]]]]
    for dtype, named in {
        deep(11): "10 levels",
        T.MapType(T.LongType(), T.LongType()): "bigint",
        T.ArrayType(T.BinaryType()): "binary",
        struct(a=T.LongType(), A=T.LongType()): "'A', 'a'",
    }.items():
        with pytest.raises(ContractError, match=named):
            Json({"x": dtype})
    with pytest.raises(ValueError, match="nanos"):
        Epoch("nanos")  # type: ignore[arg-type]
