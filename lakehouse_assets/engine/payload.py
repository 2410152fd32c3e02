"""Reading JSON payloads: what transforms and the engine take from `engine.decoding`."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql.types import TimestampType

from lakehouse_assets.engine.decoding.documents import NOT_AN_OBJECT
from lakehouse_assets.engine.decoding.json import time_at
from lakehouse_assets.engine.decoding.json_object import parse_json
from lakehouse_assets.engine.decoding.outcome import ABSENT, FURTHER, UNDECLARED, UNREADABLE, UNREADABLE_AS
from lakehouse_assets.engine.decoding.times import iso_timestamp
from lakehouse_assets.engine.decoding.undeclared import MOST_UNDECLARED

__all__ = [
    "ABSENT",
    "FURTHER",
    "MOST_UNDECLARED",
    "NOT_AN_OBJECT",
    "UNDECLARED",
    "UNREADABLE",
    "UNREADABLE_AS",
    "iso_timestamp",
    "json_timestamp",
    "parse_json",
]


def json_timestamp(field: str, schema_id: bool = False) -> Column:
    """The timestamp in a field of the JSON object in `value`; null where it can't be read."""
    return time_at(TimestampType(), (field,), schema_id)
