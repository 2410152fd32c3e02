"""A JSON object or array of a declared type, strictly at each level: whole and typed, or every kind of fault in it.

All in SQL over a variant and the text that it was read from. Values come from the variant: in Spark's text of a nested
value a number may be rounded. Names come from the text: a variant keeps one of those given twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pyspark.sql.types import ArrayType, DataType, MapType, StringType, StructField, StructType

from lakehouse_assets.engine import names
from lakehouse_assets.engine.decoding import json_scalars as scalars
from lakehouse_assets.engine.decoding import sql, undeclared
from lakehouse_assets.engine.decoding.outcome import not_a, shown

NESTED = (StructType, ArrayType, MapType)
MOST_LEVELS = 10
"""Of a declared type within itself."""
TWICE, ABSENT, NULL = "given twice", "absent", "null"


@dataclass(frozen=True)
class Place:
    """Where a value stands in a record."""

    pattern: str
    """As reasons name it, whatever the record holds: `lines[].price`."""
    form: str
    """For `format_string`: `lines[%s].price`."""
    numbers: tuple[str, ...] = ()
    """What goes into the form, in SQL."""
    level: int = 0

    @property
    def at(self) -> str:
        """SQL: where it stands in this record, `lines[2].price`; null where that is what the reason says."""
        return f"format_string({', '.join((sql.text(self.form), *self.numbers))})" if self.numbers else "NULL"

    def field(self, name: str) -> Place:
        """Of an object."""
        step = f".{name}" if name.isidentifier() else f"[{json.dumps(name, ensure_ascii=False)}]"
        return Place(self.pattern + step, self.form + step.replace("%", "%%"), self.numbers, self.level + 1)

    def each(self, number: str) -> Place:
        """Of an array or a map, in SQL."""
        return Place(f"{self.pattern}[]", f"{self.form}[%s]", (*self.numbers, number), self.level + 1)

    def variable(self, letter: str) -> str:
        """A name for SQL that no place above this one uses."""
        return f"{letter}{self.level}"


def check(dtype: DataType, level: int = 1) -> Iterator[str]:
    """Why a type has no reader.

    Raises:
        ContractError: names in an object that differ by case alone.
    """
    if not isinstance(dtype, NESTED):
        if not isinstance(dtype, scalars.READ):
            yield dtype.simpleString()
        return
    if level > MOST_LEVELS:
        yield f"more than {MOST_LEVELS} levels"
        return
    if isinstance(dtype, MapType) and not isinstance(dtype.keyType, StringType):
        yield f"{dtype.simpleString()}: the names of JSON are strings"
    if isinstance(dtype, StructType):
        names.check(dtype.names, (), "parse_json", "Leave one of them out: it is told as undeclared")
    for below in _below(dtype):
        yield from check(below, level + 1)


def _below(dtype: DataType) -> list[DataType]:
    if isinstance(dtype, StructType):
        return [field.dataType for field in dtype]
    return [dtype.elementType] if isinstance(dtype, ArrayType) else [dtype.valueType]  # type: ignore[attr-defined]


def read(raw: str, source: str, dtype: DataType, name: str) -> str:
    """SQL of a field's `value`, of what is `wrong` with it, and of the fields in it that nobody declared, `more`.

    struct<value, wrong: array<struct<reason: string, at: string, came: string>>, more: map<string,string>>; `wrong` is
    empty or null where the value is whole.

    Args:
        raw: the field, a variant.
        source: its text as Spark writes it.
        dtype: its declared type.
        name: what reasons call it.
    """
    return _read(raw, source, dtype, Place(name, name.replace("%", "%%")), nullable=True)


def _read(raw: str, source: str, dtype: DataType, place: Place, nullable: bool) -> str:
    if isinstance(dtype, StructType):
        return _struct(raw, source, dtype, place, nullable)
    if isinstance(dtype, ArrayType):
        return _array(raw, source, dtype, place, nullable)
    if isinstance(dtype, MapType):
        return _map(raw, source, dtype, place, nullable)
    return _scalar(raw, dtype, place, nullable)


def _scalar(raw: str, dtype: DataType, place: Place, nullable: bool) -> str:
    it = place.variable("it")
    found = f"struct({raw} AS raw, schema_of_variant({raw}) AS kind, {scalars.value(raw, dtype)} AS value)"
    readable = scalars.is_readable(f"{it}.raw", f"{it}.kind", f"{it}.value", dtype)
    wrong = _wrong(f"{it}.raw", place, nullable, f"NOT {readable}", not_a(dtype.simpleString()), "NULL")
    made = f"CASE WHEN {readable} THEN {scalars.typed(f'{it}.value', dtype)} END"
    return sql.let(it, found, _result(made, wrong, None))


def _struct(raw: str, source: str, dtype: StructType, place: Place, nullable: bool) -> str:
    it, parts = place.variable("it"), place.variable("part")
    found = _opened(raw, source, dtype)
    read = [f"{_member(it, field, place)} AS part{i}" for i, field in enumerate(dtype)]
    values = ", ".join(f"{sql.text(name)}, {parts}.part{i}.value" for i, name in enumerate(dtype.names))
    faults = [f"{parts}.part{i}.wrong" for i in range(len(dtype))]
    wrong = sql.joined([_given_twice(it, dtype, place), *faults])
    mores = [f"{parts}.part{i}.more" for i, below in enumerate(_below(dtype)) if isinstance(below, NESTED)]
    more = undeclared.merged([undeclared.within(f"{it}.names", f"{it}.fields", dtype.names, place.pattern), *mores])
    made = f"CASE WHEN {it}.fields IS NOT NULL THEN named_struct({values}) END"
    result = _result(made, _wrong(raw, place, nullable, _is_closed(it), "not an object", wrong), more)
    return sql.let(it, found, sql.let(parts, f"struct({', '.join(read)})", result))


def _member(it: str, field: StructField, place: Place) -> str:
    name = sql.text(field.name)
    return _read(
        f"{it}.fields[{name}]", f"{it}.sources[{name}]", field.dataType, place.field(field.name), field.nullable
    )


def _given_twice(it: str, dtype: StructType, place: Place) -> str:
    each = [
        f"CASE WHEN size(filter({it}.names, each -> each = {sql.text(name)})) > 1"
        f" THEN {_fault(place.field(name), TWICE)} END"
        for name in dtype.names
    ]
    return f"CASE WHEN size(array_distinct({it}.names)) < size({it}.names) THEN {sql.joined(each)} END"


def _array(raw: str, source: str, dtype: ArrayType, place: Place, nullable: bool) -> str:
    it, parts = place.variable("it"), place.variable("part")
    each, number = place.variable("each"), place.variable("i")
    found = _opened(raw, source, dtype)
    element = _read(each, f"get({it}.sources, {number})", dtype.elementType, place.each(number), dtype.containsNull)
    read = f"transform({it}.fields, ({each}, {number}) -> {element})"
    wrong = _wrong(raw, place, nullable, f"{it}.fields IS NULL", "not an array", _all(parts, "wrong"))
    made = f"CASE WHEN {it}.fields IS NOT NULL THEN transform({parts}, each -> each.value) END"
    return sql.let(it, found, sql.let(parts, read, _result(made, wrong, _mores(parts, dtype))))


def _map(raw: str, source: str, dtype: MapType, place: Place, nullable: bool) -> str:
    it, parts, each, number = (place.variable(letter) for letter in ("it", "part", "each", "i"))
    found = _opened(raw, source, dtype)
    below = place.each(shown(f"{each}.key"))
    text = f"get({it}.sources, {number}).value"
    entry = _read(f"{each}.value", text, dtype.valueType, below, dtype.valueContainsNull)
    listed = _in_order(f"{it}.fields", dtype)
    read = f"transform({listed}, ({each}, {number}) -> struct({each}.key AS key, {entry} AS part))"
    inner = f"transform({parts}, each -> each.part)"
    wrong = f"coalesce({_any_twice(it, place)}, {_all(inner, 'wrong')})"
    made = f"map_from_entries(transform({parts}, each -> struct(each.key, each.part.value)))"
    made = f"CASE WHEN {it}.fields IS NOT NULL THEN {made} END"
    result = _result(made, _wrong(raw, place, nullable, _is_closed(it), "not an object", wrong), _mores(inner, dtype))
    return sql.let(it, found, sql.let(parts, read, result))


def _any_twice(it: str, place: Place) -> str:
    repeated = "filter(sorted, (each, i) -> i > 0 AND each = get(sorted, i - 1))[0]"
    name = f"transform(array(array_sort({it}.names)), sorted -> {repeated})[0]"
    fault = _fault(place.each(shown(name)), TWICE)
    return f"CASE WHEN size(array_distinct({it}.names)) < size({it}.names) THEN {fault} END"


def _in_order(fields: str, dtype: MapType) -> str:
    """The entries; of nested values in the order of their names: to look each up would take their number squared."""
    entries = f"map_entries({fields})"
    if not isinstance(dtype.valueType, NESTED):
        return entries
    order = "CASE WHEN one.key < other.key THEN -1 WHEN one.key > other.key THEN 1 ELSE 0 END"
    return f"array_sort({entries}, (one, other) -> {order})"


def _opened(raw: str, source: str, dtype: DataType) -> str:
    """What is in a value: as variants, an object's names, and the texts of what is opened in turn."""
    shape = "array<variant>" if isinstance(dtype, ArrayType) else "map<string,variant>"
    found = [f"try_variant_get({raw}, '$', '{shape}') AS fields"]
    if not isinstance(dtype, ArrayType):
        found.append(f"json_object_keys({source}) AS names")
    if any(isinstance(below, NESTED) for below in _below(dtype)):
        sources = f"from_json({source}, '{shape.replace('variant', 'string')}')"
        found.append(f"{_in_order(sources, dtype) if isinstance(dtype, MapType) else sources} AS sources")
    return f"struct({', '.join(found)})"


def _is_closed(it: str) -> str:
    return f"{it}.fields IS NULL OR {it}.names IS NULL"


def _wrong(raw: str, place: Place, nullable: bool, is_other: str, what: str, within: str) -> str:
    """Nothing where there is no value and none is needed, one fault where it is another, or those within."""
    none = (
        f"WHEN {raw} IS NULL THEN {_fault(place, ABSENT)} WHEN is_variant_null({raw}) THEN {_fault(place, NULL)}"
        if not nullable
        else f"WHEN {raw} IS NULL OR is_variant_null({raw}) THEN NULL"
    )
    return f"CASE {none} WHEN {is_other} THEN {_fault(place, what, shown(f'to_json({raw})'))} ELSE {within} END"


def _fault(place: Place, what: str, came: str = "NULL") -> str:
    reason = sql.text(f"{place.pattern}: {what}")
    came = f"CAST({came} AS string) AS came"
    return f"array(struct({reason} AS reason, CAST({place.at} AS string) AS at, {came}))"


def _all(parts: str, name: str) -> str:
    return f"flatten(array_compact(transform({parts}, each -> each.{name})))"


def _mores(parts: str, dtype: DataType) -> str | None:
    """None where nothing below is nested."""
    return undeclared.merged_of(f"transform({parts}, each -> each.more)") if _has_names(dtype) else None


def _has_names(dtype: DataType) -> bool:
    return isinstance(dtype, StructType) or (isinstance(dtype, NESTED) and any(map(_has_names, _below(dtype))))


def _result(value: str, wrong: str, more: str | None) -> str:
    return f"struct({value} AS value, {wrong} AS wrong, {more or 'CAST(NULL AS map<string,string>)'} AS more)"
