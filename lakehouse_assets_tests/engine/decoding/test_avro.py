"""Avro records: whole and of the schema, or set aside with a reason; bytes by an encoder of our own."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.engine.decoding import Avro
from lakehouse_assets.engine.decoding.avro import MORE, NO_PREFIX, NOT_AVRO, PREFIXED
from lakehouse_assets.errors import ContractError
from lakehouse_assets_tests.engine.decoding.avro_writer import long, written
from lakehouse_assets_tests.engine.decoding.decoded import decoded, event_times, reasons

pytestmark = pytest.mark.services

EPOCH = datetime(1970, 1, 1)
LINE = {
    "type": "record",
    "name": "Line",
    "namespace": "shop.lines",
    "fields": [{"name": "sku", "type": "string"}, {"name": "units", "type": ["null", "int"], "doc": "a ] and a ("}],
}
SALE: dict[str, Any] = {
    "type": "record",
    "name": "Sale",
    "namespace": "shop",
    "fields": [
        {"name": "no", "type": "string"},
        {"name": "paid", "type": {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}},
        {"name": "lines", "type": {"type": "array", "items": LINE}},
        {"name": "labels", "type": {"type": "map", "values": "string"}, "default": {}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "ms", "type": ["null", "long"]},
        {"name": "first", "type": ["null", "shop.lines.Line"]},
    ],
}
DECODER = Avro(json.dumps(SALE), columns={"at": "sold_at"}, epochs={"ms": "millis"})
VALUE: dict[str, Any] = {
    "no": "Zoë 🥛",
    "paid": (-12345).to_bytes(2, "big", signed=True),
    "lines": [{"sku": "a", "units": 3}, {"sku": "", "units": None}],
    "labels": {"": "x", "k": ""},
    "at": 1_700_000_000_123,
    "day": 1,
    "ms": 5,
    "first": {"sku": "f", "units": -1},
}
ROW = VALUE | {
    "paid": Decimal("-123.45"),
    "sold_at": datetime(2023, 11, 14, 22, 13, 20, 123_000),
    "day": date(1970, 1, 2),
    "ms": EPOCH + timedelta(milliseconds=5),
}
WRITER = SALE | {"fields": [*SALE["fields"][:-1], {"name": "first", "type": ["null", LINE]}]}
"""The same, with each type written out."""
GOOD = written(WRITER, VALUE)


def changed(**values: Any) -> bytes:
    return written(WRITER, VALUE | values)


def test_a_record_is_read_by_its_schema(spark):
    [row] = decoded(spark, DECODER, [GOOD])

    assert row["unreadable"] == []
    assert {name: row[name] for name in DECODER._types if name != "at"} | {"sold_at": row["sold_at"]} == {
        name: value for name, value in ROW.items() if name != "at"
    }
    assert (row["absent"], row["undeclared"]) == ([], None)


FAULTS = {
    GOOD + b"\0": MORE,
    GOOD + GOOD: MORE,
    GOOD[:-1]: NOT_AVRO,
    GOOD[:10]: NOT_AVRO,
    b"": NOT_AVRO,
    None: NOT_AVRO,
    b'{"no":"1"}': NOT_AVRO,
    b"\0\0\0\0\7" + GOOD: PREFIXED,
    long(-5) + b"abc": NOT_AVRO,
    long(2**31 - 20) + b"abc": NOT_AVRO,
    long(2**62) + b"abc": NOT_AVRO,
    changed(lines=[], labels={})[:-20] + long(2**31 - 20): NOT_AVRO,
    written("string", "a") + written("bytes", b"\1") + long(2**31 - 20): NOT_AVRO,
    written("string", "a") + written("bytes", b"\1") + long(2**40): NOT_AVRO,
    written("string", "a") + written("bytes", b"\1") + long(-(2**31) + 20) + long(3): NOT_AVRO,
}


def test_bytes_that_are_no_record_of_the_schema_say_why_and_harm_nobody(spark):
    """Also where a length asks for more memory than there is; the good record beside them is read."""
    *bad, good = decoded(spark, DECODER, [*FAULTS, GOOD])

    assert [row["unreadable"] for row in bad] == [[reason] for reason in FAULTS.values()]
    assert all(row["no"] is None and row["lines"] is None for row in bad)
    assert (good["no"], good["unreadable"]) == (VALUE["no"], [])


def test_what_no_other_reader_takes_is_named_by_its_field(spark):
    """Texts that are no UTF-8, wherever they stand; times after the year 9999."""
    rows = decoded(
        spark,
        DECODER,
        [
            changed(no=b"a\xff"),
            changed(lines=[{"sku": b"\xc3", "units": 1}]),
            changed(labels={b"\xed\xa0\x80": "x"}),
            changed(first={"sku": b"\x80", "units": None}),
            changed(at=253_402_300_800_000, day=2**31 - 1, ms=-(2**63)),
            changed(at=253_402_300_799_999, day=-719_162, ms=None, first=None),
        ],
    )

    late = "not a time in the years 1 to 9999"
    assert [[*reasons(row)] for row in rows] == [
        ["no: not UTF-8"],
        ["lines: not UTF-8"],
        ["labels: not UTF-8"],
        ["first: not UTF-8"],
        [f"at: {late}", f"day: {late}", "ms: not a timestamp in epoch millis"],
        [],
    ]
    assert [rows[0]["no"], rows[1]["lines"], rows[2]["labels"], rows[4]["sold_at"], rows[4]["ms"]] == [None] * 5
    assert rows[5]["day"] == date(1, 1, 1)


def test_a_decimal_beyond_its_precision_is_no_record(spark):
    [row] = decoded(spark, DECODER, [changed(paid=(10**9).to_bytes(5, "big"))])

    assert (row["paid"], row["unreadable"]) == (None, [NOT_AVRO])


def test_the_five_bytes_of_a_schema_registry_have_to_be_there_where_the_table_says_so(spark):
    decoder = Avro(json.dumps(SALE), schema_id=True)
    values = [b"\0\0\0\0\7" + GOOD, GOOD, b"\0\0\0\0\7", b"\0", None, b"\0\0\0\0\7" + GOOD + b"x"]

    rows = decoded(spark, decoder, values)

    assert rows[0]["no"] == VALUE["no"]
    assert [[*reasons(row)] for row in rows] == [[], [NO_PREFIX], [NO_PREFIX], [NO_PREFIX], [NOT_AVRO], [MORE]]


def test_the_event_time_is_a_field_of_the_record(spark):
    values = [GOOD, changed(at=253_402_300_800_000, day=None, ms=2**62), GOOD[:-1], None]

    assert event_times(spark, DECODER, values, "at") == [ROW["sold_at"], None, None, None]
    assert event_times(spark, DECODER, values, "ms") == [ROW["ms"], None, None, None]
    assert event_times(spark, DECODER, values, "day") == [datetime(1970, 1, 2), None, None, None]
    with pytest.raises(ContractError, match="no"):
        DECODER.event_time("no")


RANDOM = st.fixed_dictionaries(
    {
        "no": st.text(max_size=8),
        "lines": st.lists(
            st.fixed_dictionaries({"sku": st.text(max_size=3), "units": st.none() | st.integers(-(2**31), 2**31 - 1)}),
            max_size=3,
        ),
        "labels": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
        "at": st.integers(-62_135_596_800_000, 253_402_300_799_999),
        "day": st.none() | st.integers(-719_162, 2_932_896),
        "ms": st.none() | st.integers(-62_135_596_800_000, 253_402_300_799_999),
    }
)


@settings(max_examples=6)
@given(
    values=st.lists(RANDOM, min_size=20, max_size=30), cut=st.integers(1, 30), more=st.binary(min_size=1, max_size=5)
)
def test_each_record_is_read_whole_and_none_that_is_cut_or_longer(interpreted, values, cut, more):
    """Whatever its values are."""
    whole = [changed(**value) for value in values]

    read = decoded(interpreted, DECODER, whole)
    wrong = decoded(interpreted, DECODER, [each[:-cut] for each in whole] + [each + more for each in whole])

    for row, value in zip(read, values, strict=True):
        day = value["day"] if value["day"] is None else date(1970, 1, 1) + timedelta(value["day"])
        ms = value["ms"] if value["ms"] is None else EPOCH + timedelta(milliseconds=value["ms"])
        expected = (value["no"], value["lines"], value["labels"], EPOCH + timedelta(milliseconds=value["at"]), day, ms)
        assert tuple(row[name] for name in ("no", "lines", "labels", "sold_at", "day", "ms")) == expected
        assert row["unreadable"] == []
    assert all(len(row["unreadable"]) == 1 and row["no"] is None for row in wrong)


REFUSED = {
    "not json": "cannot be read",
    '"string"': "of no record",
    '{"type":"record","name":"A","fields":[{"name":"a","type":"B"}]}': "cannot be read",
    '{"type":"record","name":"A","fields":[{"name":"a","type":["null","A"]}]}': "holds itself",
    '{"type":"record","name":"A","fields":[{"name":"a","type":{"type":"array","items":"null"}}]}': "no bytes",
    '{"type":"record","name":"A","fields":[{"name":"offset","type":"long"}]}': "offset",
    '{"type":"record","name":"A","fields":[{"name":"a","type":"int"},{"name":"A","type":"int"}]}': "'A'",
}


@pytest.mark.parametrize(("schema", "named"), REFUSED.items())
def test_a_schema_that_cannot_be_read_is_refused_when_it_is_declared(schema, named):
    with pytest.raises(ContractError, match=named):
        Avro(schema)
