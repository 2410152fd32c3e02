"""Columns that the engine adds to a table or fills itself, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pyspark.sql.types import (
    ArrayType,
    IntegerType,
    MapType,
    StringType,
    StructField,
    StructType,
)

from lakehouse_assets.engine.decoding.lines import LINE
from lakehouse_assets.engine.grids import Grid
from lakehouse_assets.engine.payload import UNDECLARED
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets.engine.writing.deduplication import CONTENT_HASH, COORDINATE, LOSERS

MEANING: Final[Mapping[str, str]] = {
    "topic_id": "The topic by the id that the broker gave it; a version of a file by its time, name and etag",
    "partition": "Partition of the topic; 0 for a file",
    "offset": "Offset in the partition; of a file where the row's line begins, in bytes",
    "line": "Number of the row among those of its record, from 0",
    "timestamp": "Kafka's timestamp of the record, or when the file was dropped, UTC",
    "key": "The record's key as sent; the file's name",
    "value": "The record's value as sent; the row as a JSON object of strings",
    "headers": "The record's headers as sent; null for a file",
    "event_date": "UTC day of the event's own time; the Delta partition",
    "event_hour": "UTC hour of the event's own time; the Delta partition",
    "event_week": "Monday of the week of the event's own time, UTC; the Delta partition",
    "event_month": "First day of the month of the event's own time, UTC; the Delta partition",
    CONTENT_HASH: "SHA-256 over the business columns",
    UNDECLARED: "Fields of the record that the table does not declare, as text, by their names in lower case",
    LOSERS: "Coordinate and content hash of every other record of the same grain",
}
_COORDINATES: Final[Mapping[str, StructField]] = {
    **{field.name: field for field in RECORD if field.name in COORDINATE},
    LINE: StructField(LINE, IntegerType(), False),
}


def explained(field: StructField) -> StructField:
    """The field with what it means."""
    return StructField(field.name, field.dataType, field.nullable, {"comment": MEANING[field.name]})


def of_records(grid: Grid) -> StructType:
    """The columns of a source table."""
    return StructType([*map(explained, (*RECORD, *grid.fields))])


def of_events(model: StructType, grid: Grid, coordinate: Sequence[str]) -> StructType:
    """The columns of a table of events with this model."""
    told = [_COORDINATES[name] for name in coordinate]
    return StructType([*model, *map(explained, (*told, *grid.fields, *_kept(told)))])


def readable_of_events(model: StructType, grid: Grid, coordinate: Sequence[str]) -> StructType:
    """The columns that a transform may read of a table of events."""
    told = [_COORDINATES[name] for name in coordinate]
    fields = {field.name: field for field in (*told, *grid.fields, *model.fields)}
    return StructType([StructField(field.name, field.dataType, field.nullable) for field in fields.values()])


def _kept(coordinate: Sequence[StructField]) -> Sequence[StructField]:
    loser = [StructField(each.name, each.dataType) for each in coordinate]
    return (
        StructField(UNDECLARED, MapType(StringType(), StringType())),
        StructField(CONTENT_HASH, StringType(), False),
        StructField(LOSERS, ArrayType(StructType([*loser, StructField(CONTENT_HASH, StringType())])), False),
    )
