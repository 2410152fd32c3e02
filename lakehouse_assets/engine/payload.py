"""Reading JSON values strictly: a field is of its declared type, or it is named as unreadable."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DecimalType,
    IntegralType,
    NumericType,
)

from lakehouse_assets.engine.contracts import without_nulls

UNREADABLE = "unreadable"
UNDECLARED = "undeclared"
"""map<string,string>: fields of the record that `types` does not name, as text; null where there is none."""
ABSENT = "absent"
"""array<string>: fields that `types` names and the record lacks; a JSON null is there."""
NOT_AN_OBJECT = "value: not a JSON object"

_EXACT = "decimal(38,18)"
_NUMBER = "^(BIGINT|DECIMAL|DOUBLE|FLOAT)"
_TEXTS = (
    "CASE WHEN size(_names) > 0 THEN map_from_arrays(_names, "
    """transform(_names, name -> get_json_object(CAST(value AS STRING), concat("$['", name, "']")))) END"""
)
"""In SQL: Python names the variable of a function anew each time, and a plan that changes has no fingerprint."""
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}([T ].*)?$"


def parse_json(records: DataFrame, types: Mapping[str, DataType], optional: Collection[str] = ()) -> DataFrame:
    """`records` with one typed column for each field of `types`, read from the JSON object in `value`.

    Numbers must be JSON numbers that fit their type exactly (no rounding), strings JSON strings. The added column
    `unreadable` (array<string>) names what could not be read; such a field is null. A JSON null is null and readable,
    and so is a missing field; unless it is `optional` it is named in `absent`, so that a dropped or renamed field does
    not become a null in silence. Fields that nobody asked for are in `undeclared`.

    Source: a bronze table with `value` (binary).
    """
    raw = {f"_raw_{name}": F.variant_get("_json", f"$.{name}", "variant") for name in types}
    kinds = {f"_kind_{name}": F.schema_of_variant(f"_raw_{name}") for name in types}
    values = {f"_value_{name}": F.try_variant_get(f"_raw_{name}", "$", _sql(types[name])) for name in types}
    typed = {name: F.when(_is_readable(name, types[name]), F.col(f"_value_{name}")) for name in types}
    return (
        records.withColumn("_json", F.try_parse_json(F.col("value").cast("string")))
        .withColumns(raw)
        .withColumns(kinds | values)
        .withColumns(typed | {UNREADABLE: _unreadable(types)})
        .withColumn("_keys", F.json_object_keys(F.col("value").cast("string")))
        .withColumn("_names", F.array_except(F.col("_keys"), F.array(*map(F.lit, types))))
        .withColumns({UNDECLARED: F.expr(_TEXTS), ABSENT: _absent(types, optional)})
        .drop("_json", "_keys", "_names", *raw, *kinds, *values)
    )


def _absent(types: Mapping[str, DataType], optional: Collection[str]) -> Column:
    wanted = F.array(*[F.lit(name) for name in types if name not in optional])
    return F.coalesce(F.array_except(wanted, F.col("_keys")), F.array().cast("array<string>"))


def _sql(dtype: DataType) -> str:
    return dtype.simpleString()


def iso_timestamp(text: Column) -> Column:
    """The timestamp of an ISO-8601 text with a four-digit year (UTC where it names no zone); null for any other."""
    return F.when(text.rlike(_ISO_DATE), F.try_to_timestamp(text))


def json_timestamp(field: str) -> Column:
    """The timestamp in a field of the JSON object in `value`; null where it can't be read."""
    return iso_timestamp(F.try_variant_get(F.try_parse_json(F.col("value").cast("string")), f"$.{field}", "string"))


def _unreadable(types: Mapping[str, DataType]) -> Column:
    is_object = F.coalesce(F.schema_of_variant("_json").startswith("OBJECT"), F.lit(False))
    names = [F.when(~_is_readable(name, dtype), F.lit(f"{name}: not a {_sql(dtype)}")) for name, dtype in types.items()]
    named = without_nulls(names)
    return F.when(is_object, named).otherwise(F.array(F.lit(NOT_AN_OBJECT)))


def _is_readable(name: str, dtype: DataType) -> Column:
    kind, value = F.col(f"_kind_{name}"), F.col(f"_value_{name}")
    absent = kind.isNull() | (kind == "VOID")
    return F.coalesce(absent | (value.isNotNull() & _is_kind(name, dtype)), F.lit(False))


def _is_kind(name: str, dtype: DataType) -> Column:
    kind = F.col(f"_kind_{name}")
    if isinstance(dtype, DecimalType):
        return kind.rlike(rf"^(BIGINT|DECIMAL\(\d+,[0-{min(dtype.scale, 9)}]\))$") | _is_exact(name)
    if isinstance(dtype, IntegralType):
        return (kind == "BIGINT") | _is_exact(name)
    if isinstance(dtype, NumericType):
        return kind.rlike(_NUMBER)
    if isinstance(dtype, BooleanType):
        return kind == "BOOLEAN"
    return kind == "STRING"


def _is_exact(name: str) -> Column:
    """A number that lost nothing on its way into a narrower type, e.g. 3.0 as an integer."""
    exact = F.try_variant_get(f"_raw_{name}", "$", _EXACT)
    return F.col(f"_kind_{name}").rlike(_NUMBER) & (F.col(f"_value_{name}").cast(_EXACT) == exact)
