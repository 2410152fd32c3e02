"""JSON objects, one a record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import ArrayType, DataType, StructType

from lakehouse_assets.engine.decoding import documents, sql
from lakehouse_assets.engine.decoding import json_scalars as scalars
from lakehouse_assets.engine.decoding.decoder import EventTime, check_time
from lakehouse_assets.engine.decoding.json_object import fields_of, parse_json


@dataclass(frozen=True)
class Json:
    """Reads each value as `parse_json` does.

    >>> Json({"No": T.StringType(), "@ts": Epoch("millis")}, columns={"@ts": "paid_at"})

    Raises:
        ContractError: a field's column would be one of the engine's, or its type has no reader; named.
    """

    fields: Mapping[str, DataType] = field(hash=False)
    """Type by name, as it is in the record."""
    optional: Collection[str] = field(default=(), hash=False)
    """Fields that a record may lack."""
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Column by field, where it has another name."""
    schema_id: bool = False
    """Five bytes of a schema registry come before the JSON."""

    def __post_init__(self) -> None:
        fields_of(self.fields, self.columns)

    @property
    def columns_read(self) -> Collection[str]:
        """See `Decoder`."""
        return [self.columns.get(name, name) for name in self.fields]

    @property
    def arrays(self) -> Collection[str]:
        """See `Decoder`."""
        return [self.columns.get(name, name) for name, dtype in self.fields.items() if isinstance(dtype, ArrayType)]

    def decode(self, records: DataFrame, explode: str = "") -> DataFrame:
        """See `Decoder`; fields that nobody declared are in `undeclared`, those that are not there in `absent`."""
        return parse_json(records, self.fields, self.optional, self.columns, self.schema_id, explode)

    def event_time(self, *path: str) -> EventTime:
        """See `Decoder`."""
        check_time(_declared(self.fields, path), path, "Json")
        return EventTime(self, path)

    def time(self, *path: str) -> Column:
        """See `Decoder`."""
        dtype = _declared(self.fields, path)
        assert dtype is not None
        return time_at(dtype, path, self.schema_id)


def time_at(dtype: DataType, path: tuple[str, ...], schema_id: bool) -> Column:
    """timestamp: a field of the JSON object in `value`, of a time's type; null where it can't be read."""
    first, *further = path
    raw = documents.document(schema_id)[F.lit(first)]
    for name in further:
        raw = F.try_variant_get(raw, "$", "map<string,variant>")[F.lit(name)]
    found = f"struct(raw, schema_of_variant(raw) AS kind, {scalars.value('raw', dtype)} AS value)"
    readable = scalars.is_readable("it.raw", "it.kind", "it.value", dtype, "''")
    made = f"CASE WHEN {readable} THEN CAST({scalars.typed('it.value', dtype)} AS timestamp) END"
    return sql.applied(raw, "raw", sql.let("it", found, made))


def _declared(fields: Mapping[str, DataType], path: tuple[str, ...]) -> DataType | None:
    dtype: DataType | None = StructType()
    known = fields
    for name in path:
        dtype = known.get(name)
        known = {each.name: each.dataType for each in dtype} if isinstance(dtype, StructType) else {}
    return dtype
