"""What every decoder has in common: the shape of its answer, a plan that lineage reads, and one that stays the same."""

from __future__ import annotations

import json

import pyspark.sql.types as T
import pytest
from dagster import AssetKey

from lakehouse_assets.engine.decoding import Avro, Bytes, CsvLine, Decoder, Epoch, Json
from lakehouse_assets.engine.decoding.outcome import ABSENT, FURTHER, UNDECLARED, UNREADABLE, UNREADABLE_AS
from lakehouse_assets.engine.display import lineage
from lakehouse_assets.engine.display.lineage import Traced
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets_tests.engine.decoding.test_avro import SALE

pytestmark = pytest.mark.services

LINE = T.StructType([T.StructField("sku", T.StringType(), nullable=False), T.StructField("at", Epoch("millis"))])
FIELDS = {
    "No": T.StringType(),
    "lines": T.ArrayType(LINE, containsNull=False),
    "by day": T.MapType(T.StringType(), T.MapType(T.StringType(), T.DecimalType(18, 2))),
    "at": T.TimestampType(),
}
FLAT = {"No": T.StringType(), "at": Epoch("seconds"), "paid": T.DecimalType(18, 2)}
DECODERS: list[Decoder] = [
    Json(FIELDS, columns={"by day": "by_day"}),
    Avro(json.dumps(SALE)),
    CsvLine(FLAT),
    Bytes("payload"),
]
KEPT = {"topic_id", "partition", "offset", "timestamp", "key", "headers"}
TOLD = {
    UNREADABLE: "array<string>",
    UNREADABLE_AS: "map<string,struct<column:string,text:string>>",
    UNDECLARED: "map<string,string>",
    FURTHER: "boolean",
    ABSENT: "array<string>",
}


def traced(spark, decoder: Decoder) -> Traced:
    records = spark.createDataFrame([], RECORD).alias("records")
    return Traced(decoder.decode(records), {"records": AssetKey("records")})


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda each: type(each).__name__)
def test_every_decoder_adds_the_same_columns_of_the_same_types(spark, decoder):
    found = {
        each.name: each.dataType.simpleString() for each in decoder.decode(spark.createDataFrame([], RECORD)).schema
    }

    assert {name: found[name] for name in TOLD} == TOLD
    assert found.keys() >= KEPT
    assert [name for name in found if name.startswith("__lakehouse_") and name not in TOLD] == []


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda each: type(each).__name__)
def test_lineage_reads_the_plan_of_every_decoder(spark, decoder):
    """Each typed column comes from `value`, and no other does."""
    found = lineage.column_origins(spark, traced(spark, decoder))

    assert {name: made for name, made in found.items() if name in KEPT} == {name: {("records", name)} for name in KEPT}
    typed = found.keys() - KEPT - {"value", *TOLD}
    assert len(typed) == (1 if isinstance(decoder, Bytes) else {Json: 4, Avro: 8, CsvLine: 3}[type(decoder)])
    assert {made for name, made in found.items() if name in typed} == {frozenset({("records", "value")})}


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda each: type(each).__name__)
def test_the_same_decoder_makes_the_same_plan(spark, decoder):
    assert traced(spark, decoder).fingerprint == traced(spark, decoder).fingerprint


def test_a_decoder_of_another_type_makes_another_plan(spark):
    other = Json({**FIELDS, "lines": T.ArrayType(LINE)}, columns={"by day": "by_day"})

    assert traced(spark, other).fingerprint != traced(spark, DECODERS[0]).fingerprint


@pytest.mark.parametrize("decoder", DECODERS[:3], ids=lambda each: type(each).__name__)
def test_the_event_time_comes_from_the_value_in_a_plan_that_stays_the_same(spark, decoder):
    """It can be hashed and compared, as what a table declares has to be."""
    records = spark.createDataFrame([], RECORD).alias("records")
    first, again = (
        Traced(records.select(decoder.event_time("at")().alias("at")), {"records": AssetKey("records")}) for _ in "12"
    )

    assert lineage.column_origins(spark, first) == {"at": {("records", "value")}}
    assert first.fingerprint == again.fingerprint
    assert (hash(decoder.event_time("at")), decoder.event_time("at")) == (
        hash(decoder.event_time("at")),
        decoder.event_time("at"),
    )
