"""Reading JSON values strictly: a field is of its declared type, or it is named as unreadable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegralType,
    StringType,
    TimestampType,
)

from lakehouse_assets.engine import documents, names
from lakehouse_assets.engine.contracts import without_nulls
from lakehouse_assets.engine.documents import DOCUMENT, FAULT, NOT_AN_OBJECT, NOT_UTF8, TEXT
from lakehouse_assets.engine.names import column, own, quoted
from lakehouse_assets.engine.printable import printable
from lakehouse_assets.engine.times import iso_date, iso_timestamp
from lakehouse_assets.errors import ContractError

__all__ = ["NOT_AN_OBJECT", "iso_timestamp", "json_timestamp", "parse_json"]

UNREADABLE = "unreadable"
UNREADABLE_AS = own("unreadable_as")
"""map<string,struct<column:string,text:string>>: of each of the `unreadable` that there is more to say of, what came
instead, and for which column."""
UNDECLARED = "undeclared"
"""map<string,string>: fields of the record that `types` does not name, as text, by their names in lower case; null
where there is none."""
FURTHER = own("further")
"""boolean: the record has more undeclared fields than are kept, or larger ones."""
ABSENT = "absent"
"""array<string>: fields that `types` names and the record lacks; a JSON null is there."""
MOST_UNDECLARED = 100
"""Undeclared fields kept of a record; the others are told, and stay readable in bronze."""
MOST_NAME_CHARACTERS, MOST_TEXT_CHARACTERS = 128, 8192
"""Of an undeclared field that is kept."""
SHOWN_CHARACTERS = 60

_READ = (StringType, BooleanType, DecimalType, IntegralType, DoubleType, FloatType, TimestampType, DateType)
_KEYS, _WANTED, _TWICE, _NAMES, _GOOD = own("keys"), own("wanted"), own("twice"), own("names"), own("good")
_GIVEN_TWICE = (
    f"CASE WHEN size(array_distinct({_KEYS})) < size({_KEYS}) THEN"
    f" filter({_WANTED}, name -> size(filter({_KEYS}, each -> each = name)) > 1) END"
)
_TEXTS = (
    f"CASE WHEN size({_NAMES}) > 0 THEN map_from_entries(filter(transform("
    f" filter({_NAMES}, (name, i) -> array_position(transform({_NAMES}, each -> lower(each)), lower(name)) = i + 1),"
    f" name -> struct(lower(name) AS name, CAST({DOCUMENT}[name] AS STRING) AS text)),"
    f" each -> length(each.name) <= {MOST_NAME_CHARACTERS}"
    f" AND coalesce(length(each.text), 0) <= {MOST_TEXT_CHARACTERS})) END"
)
"""In SQL: Python names the variable of a function anew each time, and a plan that changes has no fingerprint."""
_LARGE_DOUBLE = 1.7976931348623157e308
_TOO_LONG = r"[:,\x5B]\s*-?(?:[0-9.]{16,}[eE]|[0-9.]+[eE]-[0-9]{3,}|[0-9.]{39,})"
"""A number that a double may not hold to its last digit, or takes for zero; digits that begin a text are none."""


def parse_json(
    records: DataFrame,
    types: Mapping[str, DataType],
    optional: Collection[str] = (),
    columns: Mapping[str, str] | None = None,
    schema_id: bool = False,
) -> DataFrame:
    """`records` with one typed column for each field of `types`, read from the JSON object in `value`.

    Numbers must be JSON numbers that fit their type exactly (no rounding), strings JSON strings, timestamps and dates
    texts as `iso_timestamp` reads them. The added column `unreadable` (array<string>) names what could not be read;
    such a field is null. A JSON null is null and readable, and so is a missing field; unless it is `optional` it is
    named in `absent`, so that a dropped or renamed field does not become a null in silence. Fields that nobody asked
    for are in `undeclared`. `columns` gives a field another column than that of its own name; `schema_id` says that
    five bytes of a schema registry come before the JSON.

    Source: a bronze table with `value` (binary).

    Raises:
        ContractError: a field's column would be one of the engine's, or its type has no reader; named.
    """
    placed = {name: (columns or {}).get(name, name) for name in types}
    _check(types, placed)
    raw = {own(f"raw {name}"): column(DOCUMENT)[F.lit(name)] for name in types}
    kinds = {own(f"kind {name}"): F.schema_of_variant(_raw(name)) for name in types}
    values = {own(f"value {name}"): _value(name, dtype) for name, dtype in types.items()}
    readable = {own(f"readable {name}"): _is_readable(name, dtype) for name, dtype in types.items()}
    typed = {placed[name]: F.when(column(own(f"readable {name}")), column(own(f"value {name}"))) for name in types}
    helpers = [*raw, *kinds, *values, *readable, _KEYS, _WANTED, _TWICE, _NAMES, _GOOD]
    found = (
        documents.with_document(records, schema_id)
        .withColumns({_KEYS: F.map_keys(column(DOCUMENT)), _WANTED: F.array(*map(F.lit, types)).cast("array<string>")})
        .withColumns(raw | {_TWICE: F.expr(_GIVEN_TWICE), _NAMES: F.array_except(column(_KEYS), column(_WANTED))})
        .withColumns(kinds | values)
        .withColumns(readable)
        .withColumn(_GOOD, _all([column(name) for name in readable]))
        .withColumns(typed | {UNREADABLE: _unreadable(types), UNREADABLE_AS: _unreadable_as(types, placed)})
        .withColumns({ABSENT: _absent(types, optional), **_undeclared()})
        .drop(*[column(name) for name in helpers])
    )
    return documents.without_document(found)


def json_timestamp(field: str, schema_id: bool = False) -> Column:
    """The timestamp in a field of the JSON object in `value`; null where it can't be read."""
    return iso_timestamp(F.try_variant_get(documents.document(schema_id)[F.lit(field)], "$", "string"))


def _check(types: Mapping[str, DataType], placed: Mapping[str, str]) -> None:
    where = "parse_json"
    names.check(
        placed.values(), names.RECORDS_OWN, where, 'Give the field another column: columns={"offset": "till_offset"}'
    )
    if wrong := [name for name, dtype in types.items() if not isinstance(dtype, _READ)]:
        shown = ", ".join(f"{name} ({types[name].simpleString()})" for name in wrong)
        raise ContractError(
            f"cannot read the type of {shown}",
            where=where,
            do="Declare text, boolean, number, timestamp or date; leave a nested field undeclared: it is kept as text",
        )


def _raw(name: str) -> Column:
    return column(own(f"raw {name}"))


def _value(name: str, dtype: DataType) -> Column:
    if isinstance(dtype, TimestampType):
        return iso_timestamp(F.try_variant_get(_raw(name), "$", "string"))
    if isinstance(dtype, DateType):
        return iso_date(F.try_variant_get(_raw(name), "$", "string"))
    return F.try_variant_get(_raw(name), "$", dtype.simpleString())


def _absent(types: Mapping[str, DataType], optional: Collection[str]) -> Column:
    wanted = F.array(*[F.lit(name) for name in types if name not in optional]).cast("array<string>")
    return F.coalesce(F.array_except(wanted, column(_KEYS)), F.array().cast("array<string>"))


def _undeclared() -> dict[str, Column]:
    """A record may name as many fields as it likes: only the first ones are looked at."""
    found = F.expr(_TEXTS.replace(_NAMES, f"slice({_NAMES}, 1, {MOST_UNDECLARED})"))
    folded = F.expr(f"size(array_distinct(transform({_NAMES}, each -> lower(each))))")
    kept = F.coalesce(F.size(F.map_keys(found)), F.lit(0))
    return {UNDECLARED: found, FURTHER: F.when(F.size(column(_NAMES)) > 0, kept < folded).otherwise(F.lit(False))}


def _all(conditions: Sequence[Column]) -> Column:
    """Whether there is an object and all of its fields can be read; a balanced tree, because Spark Connect takes no
    expression of a hundred levels."""
    return _both([column(FAULT).isNull(), *conditions])


def _both(conditions: Sequence[Column]) -> Column:
    half = len(conditions) // 2
    return _both(conditions[:half]) & _both(conditions[half:]) if half else conditions[0]


def _unreadable(types: Mapping[str, DataType]) -> Column:
    reasons = [
        F.when(_is_twice(name), F.lit(f"{name}: given twice")).when(_is_wrong(name), F.lit(_wrong(name, dtype)))
        for name, dtype in types.items()
    ]
    nothing = without_nulls([])
    return (
        F.when(column(_GOOD), nothing)
        .when(column(FAULT).isNotNull(), F.array(column(FAULT)))
        .otherwise(without_nulls(reasons))
    )


def _unreadable_as(types: Mapping[str, DataType], placed: Mapping[str, str]) -> Column:
    """The names of the reasons stay few, whatever comes; what came is kept beside them."""
    came = {name: _came(_wrong(name, dtype), placed[name], _shown(name)) for name, dtype in types.items()}
    said = [F.when(_is_wrong(name), entry) for name, entry in came.items()]
    nothing = F.when(F.lit(False), _came("", "", F.lit("")))
    entries = F.array_except(F.array(*said, nothing), F.array(nothing))
    where = F.map_from_entries(F.array(_came(NOT_UTF8, "", documents.where_not_utf8())))
    faulty = F.when(column(FAULT) == NOT_UTF8, where)
    return F.when(column(FAULT).isNotNull(), faulty).when(~column(_GOOD), F.map_from_entries(entries))


def _came(reason: str, into: str, text: Column) -> Column:
    return F.struct(
        F.lit(reason).alias("reason"), F.struct(F.lit(into).alias("column"), text.alias("text")).alias("came")
    )


def _wrong(name: str, dtype: DataType) -> str:
    shown = dtype.simpleString()
    return f"{name}: not {'an' if shown[0] in 'aeiou' else 'a'} {shown}"


def _is_wrong(name: str) -> Column:
    return ~column(own(f"readable {name}")) & ~_is_twice(name)


def _shown(name: str) -> Column:
    text = f"to_json({quoted(own(f'raw {name}'))})"
    seen = F.expr(printable(f"substring({text}, 1, {SHOWN_CHARACTERS + 1})"))
    cut = F.concat(F.substring(seen, 1, SHOWN_CHARACTERS), F.lit("…"))
    return F.when(F.length(seen) > SHOWN_CHARACTERS, cut).otherwise(seen)


def _is_twice(name: str) -> Column:
    return F.coalesce(F.array_contains(column(_TWICE), F.lit(name)), F.lit(False))


def _is_readable(name: str, dtype: DataType) -> Column:
    kind, value = column(own(f"kind {name}")), column(own(f"value {name}"))
    absent = kind.isNull() | (kind == "VOID")
    read = absent | (value.isNotNull() & _is_kind(name, dtype))
    return F.coalesce(read, F.lit(False)) & ~_is_twice(name)


def _is_kind(name: str, dtype: DataType) -> Column:
    kind, value = column(own(f"kind {name}")), column(own(f"value {name}"))
    if isinstance(dtype, DecimalType):
        return (kind == "BIGINT") | kind.rlike(_of_scale(dtype.scale)) | _is_exact(name)
    if isinstance(dtype, IntegralType):
        return (kind == "BIGINT") | kind.rlike(_of_scale(0)) | _is_exact(name)
    if isinstance(dtype, DoubleType | FloatType):
        return kind.rlike("^(BIGINT|DECIMAL|DOUBLE)") & (F.abs(value.cast("double")) <= _LARGE_DOUBLE)
    if isinstance(dtype, BooleanType):
        return kind == "BOOLEAN"
    return kind == "STRING"


def _of_scale(most: int) -> str:
    """A decimal with no more places; Spark counts none that is a zero at the end."""
    return rf"^DECIMAL\(\d+,({'|'.join(map(str, range(most + 1)))})\)\z"


def _is_exact(name: str) -> Column:
    """A number with an exponent, which Spark takes for a double, that lost nothing on its way into the type."""
    double = F.try_variant_get(_raw(name), "$", "double")
    same = column(own(f"value {name}")).cast("double") == double
    return (column(own(f"kind {name}")) == "DOUBLE") & same & ~column(TEXT).rlike(_TOO_LONG)
