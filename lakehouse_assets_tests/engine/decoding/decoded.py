"""Rows that a decoder makes of values, as plain Python compares them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyspark.sql.types as T
from pyspark.sql import SparkSession

from lakehouse_assets.engine.decoding import Decoder
from lakehouse_assets.engine.decoding.outcome import UNREADABLE, UNREADABLE_AS
from lakehouse_assets.engine.names import column


def decoded(
    spark: SparkSession, decoder: Decoder, values: Sequence[bytes | None], explode: str = ""
) -> list[dict[str, Any]]:
    """One for each value, or element: columns by name, times without a zone, structs as dicts; `as`: what came, by
    reason."""
    records = spark.createDataFrame([*enumerate(values)], "id int, value binary")
    found = decoder.decode(records, explode)
    plain = {each.name: column(each.name).cast(_without_zone(each.dataType)) for each in found.schema}
    return [_plain(row.asDict(recursive=True)) for row in found.withColumns(plain).orderBy("id").collect()]


def event_times(spark: SparkSession, decoder: Decoder, values: Sequence[bytes | None], *path: str) -> list[Any]:
    """The event's own time of each value, without a zone."""
    records = spark.createDataFrame([*enumerate(values)], "id int, value binary")
    at = decoder.event_time(*path)().cast("timestamp_ntz").alias("at")
    return [row["at"] for row in records.select("id", at).orderBy("id").collect()]


def reasons(row: dict[str, Any]) -> dict[str, str | None]:
    """What came, by reason; None where nothing is told."""
    came = row["as"] or {}
    return {reason: came[reason]["text"] if reason in came else None for reason in row[UNREADABLE]}


def _without_zone(dtype: T.DataType) -> T.DataType:
    if isinstance(dtype, T.StructType):
        return T.StructType([T.StructField(each.name, _without_zone(each.dataType)) for each in dtype])
    if isinstance(dtype, T.ArrayType):
        return T.ArrayType(_without_zone(dtype.elementType))
    if isinstance(dtype, T.MapType):
        return T.MapType(T.StringType(), _without_zone(dtype.valueType))
    return T.TimestampNTZType() if isinstance(dtype, T.TimestampType) else dtype


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    row["as"] = row.pop(UNREADABLE_AS)
    return {name: bytes(value) if isinstance(value, bytearray) else value for name, value in row.items()}
