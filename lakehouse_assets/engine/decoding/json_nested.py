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
from lakehouse_assets.engine.decoding.lines import NO_LINES
from lakehouse_assets.engine.decoding.outcome import not_a

NESTED = (StructType, ArrayType, MapType)
MOST_LEVELS = 10
"""Of a declared type within itself."""
TWICE, ABSENT, NULL = "given twice", "absent", "null"
NO_FAULT = "CAST(array() AS array<struct<reason:string,at:string,came:string>>)"
_KEY_CHARACTERS, _CAME_CHARACTERS = 40, 200


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

    struct<value, wrong: array<struct<reason: string, at: string, came: string>>, more: array<struct<name: string, text:
    string>>>; `wrong` is empty where the value is whole. What came is its beginning, as it came.

    Args:
        raw: the field, a variant.
        source: its text as Spark writes it.
        dtype: its declared type.
        name: what reasons call it.
    """
    return _read(raw, source, dtype, Place(name, name.replace("%", "%%")), nullable=True)


def read_lines(raw: str, source: str, dtype: ArrayType, name: str) -> str:
    """SQL of an array of which each element is a row: `parts`, one by one as `read` has them, and what is `wrong`.

    struct<parts: array<struct<value, wrong, more>>, wrong>; an array that is absent, null or empty is wrong, and so is
    an element that is null.
    """
    place = Place(name, name.replace("%", "%%"))
    it = place.variable("it")
    nothing = _fault(place, NO_LINES)
    wrong = (
        f"CASE WHEN {raw} IS NULL OR is_variant_null({raw}) OR size({it}.fields) = 0 THEN {nothing}"
        f" WHEN {it}.fields IS NULL THEN {_fault(place, 'not an array', _came(raw))} ELSE {NO_FAULT} END"
    )
    result = f"struct({_elements(it, dtype, place, nullable=False)} AS parts, {wrong} AS wrong)"
    return sql.let(it, _opened(raw, source, dtype), result)


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
    wrong = _wrong(f"{it}.raw", place, nullable, f"NOT {readable}", not_a(dtype.simpleString()), NO_FAULT)
    made = f"CASE WHEN {readable} THEN {scalars.typed(f'{it}.value', dtype)} END"
    return sql.let(it, found, _result(made, wrong, undeclared.NONE))


def _struct(raw: str, source: str, dtype: StructType, place: Place, nullable: bool) -> str:
    it, parts = place.variable("it"), place.variable("part")
    read = [f"{_member(it, field, place)} AS part{i}" for i, field in enumerate(dtype)]
    values = ", ".join(f"{sql.text(name)}, {parts}.part{i}.value" for i, name in enumerate(dtype.names))
    faults = [f"{parts}.part{i}.wrong" for i in range(len(dtype))]
    within = f"concat({', '.join([_given_twice(it, dtype, place), *faults])})"
    mores = [f"{parts}.part{i}.more" for i, below in enumerate(_below(dtype)) if isinstance(below, NESTED)]
    more = undeclared.within(f"{it}.names", f"{it}.fields", dtype.names, place.pattern)
    made = f"CASE WHEN {it}.fields IS NOT NULL THEN named_struct({values}) END"
    wrong = _wrong(raw, place, nullable, _is_closed(it), "not an object", within)
    result = _result(made, wrong, f"concat({', '.join([more, *mores])})")
    return sql.let(it, _opened(raw, source, dtype), sql.let(parts, f"struct({', '.join(read)})", result))


def _member(it: str, field: StructField, place: Place) -> str:
    name = sql.text(field.name)
    below = place.field(field.name)
    return _read(f"{it}.fields[{name}]", f"{it}.sources[{name}]", field.dataType, below, field.nullable)


def _given_twice(it: str, dtype: StructType, place: Place) -> str:
    names = f"{it}.names"
    each = [
        f"CASE WHEN size({names}) - size(array_remove({names}, {sql.text(name)})) > 1"
        f" THEN {_fault(place.field(name), TWICE)} ELSE {NO_FAULT} END"
        for name in dtype.names
    ]
    return f"CASE WHEN {_has_twice(it)} THEN concat({', '.join(each)}) ELSE {NO_FAULT} END"


def _array(raw: str, source: str, dtype: ArrayType, place: Place, nullable: bool) -> str:
    it, parts = place.variable("it"), place.variable("part")
    read = _elements(it, dtype, place, dtype.containsNull)
    wrong = _wrong(raw, place, nullable, f"{it}.fields IS NULL", "not an array", f"flatten({parts}.wrong)")
    result = _result(f"{parts}.value", wrong, _more(parts, dtype))
    return sql.let(it, _opened(raw, source, dtype), sql.let(parts, read, result))


def _elements(it: str, dtype: ArrayType, place: Place, nullable: bool) -> str:
    each, number = place.variable("each"), place.variable("i")
    element = _read(each, f"get({it}.sources, {number})", dtype.elementType, place.each(number), nullable)
    return f"transform({it}.fields, ({each}, {number}) -> {element})"


def _map(raw: str, source: str, dtype: MapType, place: Place, nullable: bool) -> str:
    it, parts, each, number = (place.variable(letter) for letter in ("it", "part", "each", "i"))
    below = place.each(f"substring({each}.key, 1, {_KEY_CHARACTERS})")
    text = f"get({it}.sources, {number}).value"
    entry = _read(f"{each}.value", text, dtype.valueType, below, dtype.valueContainsNull)
    entries = _in_order(f"{it}.fields", dtype)
    read = f"transform({entries}, ({each}, {number}) -> struct({each}.key AS key, {entry} AS part))"
    within = f"CASE WHEN {_has_twice(it)} THEN {_any_twice(it, place)} ELSE flatten({parts}.part.wrong) END"
    wrong = _wrong(raw, place, nullable, _is_closed(it), "not an object", within)
    result = _result(f"map_from_arrays({parts}.key, {parts}.part.value)", wrong, _more(f"{parts}.part", dtype))
    return sql.let(it, _opened(raw, source, dtype), sql.let(parts, read, result))


def _has_twice(it: str) -> str:
    return f"size(array_distinct({it}.names)) < size({it}.names)"


def _any_twice(it: str, place: Place) -> str:
    """The first of them in the order of names: to count each would take their number squared."""
    names = place.variable("names")
    name = f"filter({names}, (each, i) -> i > 0 AND each = get({names}, i - 1))[0]"
    return sql.let(
        names, f"array_sort({it}.names)", _fault(place.each(f"substring({name}, 1, {_KEY_CHARACTERS})"), TWICE)
    )


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
        else f"WHEN {raw} IS NULL OR is_variant_null({raw}) THEN {NO_FAULT}"
    )
    return f"CASE {none} WHEN {is_other} THEN {_fault(place, what, _came(raw))} ELSE {within} END"


def _came(raw: str) -> str:
    return f"substring(to_json({raw}), 1, {_CAME_CHARACTERS})"


def _fault(place: Place, what: str, came: str = "NULL") -> str:
    reason = sql.text(f"{place.pattern}: {what}")
    return f"array(struct({reason} AS reason, CAST({place.at} AS string) AS at, CAST({came} AS string) AS came))"


def _more(parts: str, dtype: DataType) -> str:
    """The undeclared fields of all parts; there are none where nothing below is an object of declared fields."""
    return f"coalesce(flatten({parts}.more), {undeclared.NONE})" if _has_names(dtype) else undeclared.NONE


def _has_names(dtype: DataType) -> bool:
    return isinstance(dtype, StructType) or (isinstance(dtype, NESTED) and any(map(_has_names, _below(dtype))))


def _result(value: str, wrong: str, more: str) -> str:
    return f"struct({value} AS value, {wrong} AS wrong, {more} AS more)"
