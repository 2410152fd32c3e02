"""An array of which each element is a row: what is wrong with one element is told of its row alone."""

from __future__ import annotations

import json
from typing import Any

import pyspark.sql.types as T
import pytest

from lakehouse_assets.engine.decoding import Avro, Json
from lakehouse_assets_tests.engine.decoding.avro_writer import written
from lakehouse_assets_tests.engine.decoding.decoded import decoded, reasons

pytestmark = pytest.mark.services

LINE = T.StructType([T.StructField("sku", T.StringType()), T.StructField("units", T.IntegerType())])
ORDER = Json({"no": T.StringType(), "lines": T.ArrayType(LINE)}, columns={"lines": "item"})


def lines(spark, *texts: str, decoder: Json = ORDER) -> list[dict[str, Any]]:
    found = decoded(spark, decoder, [text.encode() for text in texts], explode="item")
    return sorted(found, key=lambda row: (row["id"], row["line"]))


def test_each_element_is_a_row_with_its_number_from_0(spark):
    """Of one record after the other; the record's own fields are in each."""
    rows = lines(
        spark,
        '{"no":"1","lines":[{"sku":"a","units":1},{"sku":"b","units":2}]}',
        '{"no":"2","lines":[{"sku":"a","units":null}]}',
    )
    assert [(row["no"], row["line"], row["item"], row["unreadable"]) for row in rows] == [
        ("1", 0, {"sku": "a", "units": 1}, []),
        ("1", 1, {"sku": "b", "units": 2}, []),
        ("2", 0, {"sku": "a", "units": None}, []),
    ]


def test_a_wrong_element_is_told_of_its_row_alone(spark):
    """With where it stands, and what came; a fault of the record is told of every row."""
    rows = lines(
        spark,
        '{"no":"1","lines":[{"sku":"a","units":1},{"sku":"b","units":"2"},{"sku":"c","units":2,"Colour":"red"},null]}',
        '{"no":7,"lines":[{"sku":"a","units":1},{"sku":"b","units":1.5}]}',
    )
    assert [(row["line"], row["item"] and row["item"]["sku"], reasons(row)) for row in rows] == [
        (0, "a", {}),
        (1, None, {"lines[].units: not an int": '"2" at lines[1].units'}),
        (2, "c", {}),
        (3, None, {"lines[]: null": "at lines[3]"}),
        (0, "a", {"no: not a string": "7"}),
        (1, None, {"no: not a string": "7", "lines[].units: not an int": "1.5 at lines[1].units"}),
    ]
    assert [row["undeclared"] for row in rows] == [None, None, {"lines[].colour": "red"}, None, None, None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"no":"1","lines":[]}', {"lines: no lines": None}),
        ('{"no":"1","lines":null}', {"lines: no lines": None}),
        ('{"no":"1"}', {"lines: no lines": None}),
        ('{"no":"1","lines":{"sku":"a"}}', {"lines: not an array": '{"sku":"a"}'}),
        ('{"no":"1","lines":[],"lines":[{"sku":"a","units":1}]}', {"lines: given twice": None}),
        ("no json", {"value: not a JSON object": None}),
        ('{"no":"1","lines":[{"sku":"a","units":1}]} {}', {"value: more after the JSON object": None}),
    ],
)
def test_a_record_without_a_line_is_one_row_that_says_so(spark, text: str, reason: dict[str, Any]):
    """Never none: it could not be counted."""
    rows = lines(spark, text)

    assert {tuple(reasons(row).items()) for row in rows} == {tuple(reason.items())}
    assert rows[0]["line"] == 0
    assert [row["item"] for row in rows] == [None] * len(rows)


def test_elements_may_be_plain_values(spark):
    decoder = Json({"tags": T.ArrayType(T.StringType())}, columns={"tags": "item"})
    rows = lines(spark, '{"tags":["a",1,"b"]}', decoder=decoder)

    assert [(row["item"], reasons(row)) for row in rows] == [
        ("a", {}),
        (None, {"tags[]: not a string": "1 at tags[1]"}),
        ("b", {}),
    ]


def test_avro_records_are_read_whole_or_not_at_all(spark):
    """One bad element sets each row of its record aside; a record without one is one row."""
    line = {"type": "record", "name": "Line", "fields": [{"name": "sku", "type": "string"}]}
    fields = [{"name": "lines", "type": {"type": "array", "items": line}}]
    schema = {"type": "record", "name": "Order", "fields": fields}
    good, empty, bad = ([{"sku": "a"}, {"sku": "b"}], [], [{"sku": "a"}, {"sku": b"\xff"}])
    values = [written(schema, {"lines": each}) for each in (good, empty)]
    values.append(written(schema, {"lines": bad[:1]}).replace(b"\x02\x02a\x00", b"\x04\x02a\x02\xff\x00"))
    rows = decoded(spark, Avro(json.dumps(schema)), values, explode="lines")

    assert [(row["id"], row["line"], row["lines"], row["unreadable"]) for row in rows] == [
        (0, 0, {"sku": "a"}, []),
        (0, 1, {"sku": "b"}, []),
        (1, 0, None, ["lines: no lines"]),
        (2, 0, None, ["lines: not UTF-8"]),
    ]
