"""Rows that a decoder makes of values, as plain Python compares them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.types import TimestampType

from lakehouse_assets.engine.decoding import Decoder
from lakehouse_assets.engine.decoding.outcome import UNREADABLE, UNREADABLE_AS

OTHERS = {"id", "value", "absent", "undeclared", "__lakehouse_further"}


def decoded(spark: SparkSession, decoder: Decoder, values: Sequence[bytes | None]) -> list[dict[str, Any]]:
    """One for each value: columns by name, times without a zone, structs as dicts; `as`: what came, by reason."""
    records = spark.createDataFrame([*enumerate(values)], "id int, value binary")
    found = decoder.decode(records)
    plain = {each.name: found[f"`{each.name}`"].cast("timestamp_ntz") for each in found.schema if _is_time(each)}
    rows = found.withColumns(plain).orderBy("id").collect() if plain else found.orderBy("id").collect()
    return [_plain(row.asDict(recursive=True)) for row in rows]


def event_times(spark: SparkSession, decoder: Decoder, values: Sequence[bytes | None], *path: str) -> list[Any]:
    """The event's own time of each value, without a zone."""
    records = spark.createDataFrame([*enumerate(values)], "id int, value binary")
    at = decoder.event_time(*path)().cast("timestamp_ntz").alias("at")
    return [row["at"] for row in records.select("id", at).orderBy("id").collect()]


def reasons(row: dict[str, Any]) -> dict[str, str | None]:
    """What came, by reason; None where nothing is told."""
    came = row["as"] or {}
    return {reason: came[reason]["text"] if reason in came else None for reason in row[UNREADABLE]}


def _is_time(field: Any) -> bool:
    return isinstance(field.dataType, TimestampType)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    row["as"] = row.pop(UNREADABLE_AS)
    return {name: bytes(value) if isinstance(value, bytearray) else value for name, value in row.items()}
