"""Hostile records among good ones: each good one becomes its row, each bad one is set aside with a reason.

What is good, and what its row is, plain Python says. Excerpts of public suites (both MIT) are in the `data` folder.
The way through Kafka is in `test_hostile_stream.py`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC
from itertools import islice
from typing import Any

import pyspark.sql.functions as F
import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.decoding.documents import BEYOND
from lakehouse_assets.engine.kinds import EventTable
from lakehouse_assets.engine.payload import parse_json
from lakehouse_assets.engine.writing.audits import REASONS
from lakehouse_assets.engine.writing.verdicts import set_aside, typed_rows
from lakehouse_assets.silver import sales_transactions as silver
from lakehouse_assets.testing import bronze_rows
from lakehouse_assets_tests.engine import hostile_records
from lakehouse_assets_tests.engine.hostile_fates import unexplained
from lakehouse_assets_tests.engine.hostile_messages import nested
from lakehouse_assets_tests.engine.hostile_records import OPTIONAL, TYPES, expected, record

pytestmark = pytest.mark.services


class Anything(DataFrameModel):
    """A field of each type."""

    id: T.StringType = Field()
    text: T.StringType = Field(nullable=True)
    money: T.DecimalType(38, 18) = Field(nullable=True)  # type: ignore[valid-type]
    count: T.IntegerType = Field(nullable=True)
    big: T.LongType = Field(nullable=True)
    ratio: T.DoubleType = Field(nullable=True)
    flag: T.BooleanType = Field(nullable=True)
    at: T.TimestampType = Field(nullable=True)


def anything(table: EventTable) -> EventTable:
    """A table of them in the place of another."""
    return replace(
        table, schema=Anything, grain=("id",), transform=lambda records: parse_json(records, TYPES, optional=OPTIONAL)
    )


def row_of(found: Any) -> dict[str, Any]:
    row = {name: found[name] for name in TYPES}
    return row | {"at": row["at"] and row["at"].replace(tzinfo=UTC)}


def assert_each_has_its_row_or_its_reason(spark, records: list[bytes]) -> None:
    table = anything(silver.table)
    typed = typed_rows(table, [bronze_rows(table, spark, records)]).localCheckpoint()
    plain = typed.where(F.size(REASONS) == 0).withColumn("at", F.col("at").cast("timestamp_ntz"))
    rows = {row["offset"]: row_of(row) for row in plain.collect()}
    aside = {row["offset"]: row["reasons"] for row in set_aside(table, typed).collect()}
    wanted = {offset: expected(record) for offset, record in enumerate(records)}

    published = {offset: row for offset, row in wanted.items() if row is not None}
    wrong = [offset for offset in wanted if rows.get(offset) != published.get(offset)]
    assert [(records[i][:200], rows.get(i), wanted[i], aside.get(i)) for i in wrong[:20]] == []
    assert aside.keys() == wanted.keys() - published.keys()
    found = unexplained(aside)
    assert [(records[offset][:200], reasons) for offset, reasons in found.items()] == []


def test_hostile_records_have_their_row_or_their_reason(spark):
    """One of each listed input, and some hundred that are generated."""
    numbers = [(field, number) for field in ("money", "count", "big", "ratio") for number in hostile_records.NUMBERS]
    listed = [hostile_records.record(f"n{i}", **{field: number}) for i, (field, number) in enumerate(numbers)]
    shown = [
        hostile_records.record(f"c{i}", count=json.dumps(text)) for i, text in enumerate(hostile_records.naughty())
    ]
    longs = [hostile_records.record(f"t{i}", text="7" * 50, count="1e5", **{"7" * 50: '"1e-400"'}) for i in range(2)]
    records = [
        *listed,
        *shown,
        *longs,
        *nested("n0"),
        *hostile_records.OTHERS,
        *islice(hostile_records.hostile(0), 300),
    ]

    assert_each_has_its_row_or_its_reason(spark, [*records, *islice(hostile_records.good(0), 50)])


def test_a_reason_tells_what_is_beyond_the_parser_and_shows_what_nobody_can_see(spark):
    """Levels, a number and a name; a text that would turn the line around."""
    long_name, long_number = record("x", **{"k" * 50_001: "1"}), record("x", other="1" * 1_001)
    odd = record("x", count='"a\u202eb\u0085\u00a0\U000e0001 c"').replace(b"\\u202e", "\u202e".encode())
    deep = record("x", other="[" * 999 + "]" * 999)
    table = anything(silver.table)
    typed = typed_rows(table, [bronze_rows(table, spark, [long_name, long_number, deep, deep[:-1], odd])])

    beyond = [BEYOND]
    found = [row["reasons"] for row in set_aside(table, typed).orderBy("offset").collect()]
    assert found == [beyond, beyond, beyond, beyond, [r'count: not an int: "a\u202Eb\u0085\u00A0\uE0001 c"']]
