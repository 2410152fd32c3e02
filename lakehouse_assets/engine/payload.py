"""Reading JSON values strictly: a field is of its declared type, or it is named as unreadable."""

from __future__ import annotations

from collections.abc import Mapping

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DecimalType,
    IntegralType,
    NumericType,
    StringType,
)

UNREADABLE = "unreadable"
NOT_AN_OBJECT = "value: not a JSON object"

_EXACT = "decimal(38,18)"
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}([T ].*)?$"


def parse_json(records: DataFrame, types: Mapping[str, DataType]) -> DataFrame:
    """`records` with one typed column for each field of `types`, read from the JSON object in `value`.

    Numbers must be JSON numbers that fit their type exactly (no rounding), strings JSON strings. The added column
    `unreadable` (array<string>) names what could not be read; such a field is null. A missing field or a JSON null is
    null and readable.

    Source: a Kafka table with `value` (binary).
    """
    raw = {f"_raw_{name}": F.variant_get("_json", f"$.{name}", "variant") for name in types}
    typed = {name: _typed(F.col(f"_raw_{name}"), dtype) for name, dtype in types.items()}
    return (
        records.withColumn("_json", F.try_parse_json(F.col("value").cast("string")))
        .withColumns(raw)
        .withColumns(typed | {UNREADABLE: _unreadable(types)})
        .drop("_json", *raw)
    )


def iso_timestamp(text: Column) -> Column:
    """The timestamp of an ISO-8601 text with a four-digit year (UTC where it names no zone); null for any other."""
    return F.when(text.rlike(_ISO_DATE), F.try_to_timestamp(text))


def json_timestamp(field: str) -> Column:
    """The timestamp in a field of the JSON object in `value`; null where it can't be read."""
    return iso_timestamp(F.try_variant_get(F.try_parse_json(F.col("value").cast("string")), f"$.{field}", "string"))


def _unreadable(types: Mapping[str, DataType]) -> Column:
    is_object = F.coalesce(F.schema_of_variant("_json").startswith("OBJECT"), F.lit(False))
    names = [
        F.when(~_is_readable(F.col(f"_raw_{name}"), dtype), F.lit(f"{name}: not a {dtype.simpleString()}"))
        for name, dtype in types.items()
    ]
    named = F.array_compact(F.array(*names))
    return F.when(is_object, named).otherwise(F.array(F.lit(NOT_AN_OBJECT)))


def _typed(raw: Column, dtype: DataType) -> Column:
    return F.when(_is_readable(raw, dtype), F.try_variant_get(raw, "$", dtype.simpleString()))


def _is_readable(raw: Column, dtype: DataType) -> Column:
    kind = F.schema_of_variant(raw)
    absent = raw.isNull() | (kind == "VOID")
    return F.coalesce(absent | (_is_kind(kind, dtype) & _fits(raw, dtype)), F.lit(False))


def _is_kind(kind: Column, dtype: DataType) -> Column:
    if isinstance(dtype, NumericType):
        return kind.rlike("^(BIGINT|DECIMAL|DOUBLE|FLOAT)")
    if isinstance(dtype, StringType):
        return kind == "STRING"
    if isinstance(dtype, BooleanType):
        return kind == "BOOLEAN"
    return F.lit(True)


def _fits(raw: Column, dtype: DataType) -> Column:
    value = F.try_variant_get(raw, "$", dtype.simpleString())
    if isinstance(dtype, (DecimalType, IntegralType)):
        return value.cast(_EXACT) == F.try_variant_get(raw, "$", _EXACT)
    return value.isNotNull()
