"""What Spark takes from Avro without a look, in SQL: texts that are no UTF-8, times that other readers do not have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lakehouse_assets.engine.decoding.avro_schema import Schema, kind_of, logical
from lakehouse_assets.engine.names import quoted

Test = Callable[[str, Schema], str | None]
"""SQL of a condition on a value of a schema; None where there is nothing to test."""
_LITERALS: Final = {
    "date": "DATE",
    "timestamp-millis": "TIMESTAMP",
    "timestamp-micros": "TIMESTAMP",
    "local-timestamp-millis": "TIMESTAMP_NTZ",
    "local-timestamp-micros": "TIMESTAMP_NTZ",
}
_NUMBERS: Final = ({"int", "long"}, {"float", "double"})


def is_text(value: str, schema: Schema) -> str | None:
    """Each text is UTF-8."""
    return f"is_valid_utf8({value})" if kind_of(schema) == "string" else None


def is_time(value: str, schema: Schema) -> str | None:
    """Each time is in the years 1 to 9999."""
    if (kind := _LITERALS.get(logical(schema))) is None:
        return None
    return f"{value} BETWEEN {kind} '{_day('0001-01-01', kind, False)}' AND {kind} '{_day('9999-12-31', kind, True)}'"


def _day(day: str, kind: str, end: bool) -> str:
    clock = "23:59:59.999999" if end else "00:00:00"
    return day if kind == "DATE" else f"{day} {clock}"


def everywhere(test: Test, value: str, schema: Schema, level: int = 0) -> str | None:
    """A test of all that is in a value; holds where there is none. None where the schema has nothing to test."""
    kind = kind_of(schema)
    if kind == "array":
        return _of_each(test, value, schema["items"], level)
    if kind == "map":
        keys = _of_each(test, f"map_keys({value})", "string", level)
        return _all([keys, _of_each(test, f"map_values({value})", schema["values"], level)])
    if kind == "union":
        return _of_members(test, value, [each for each in schema if kind_of(each) != "null"], level)
    if kind == "record":
        parts = [(f"{value}.{quoted(each['name'])}", each["type"]) for each in schema["fields"]]
        return _all([everywhere(test, part, inner, level) for part, inner in parts])
    found = test(value, schema)
    return f"coalesce({found}, true)" if found else None


def _of_each(test: Test, values: str, schema: Schema, level: int) -> str | None:
    each = f"each{level}"
    inner = everywhere(test, each, schema, level + 1)
    return f"coalesce(forall({values}, {each} -> {inner}), true)" if inner else None


def _of_members(test: Test, value: str, members: Sequence[Schema], level: int) -> str | None:
    """Spark reads a choice of several types as a struct, and one of numbers as the wider number."""
    if len(members) == 1:
        return everywhere(test, value, members[0], level)
    if any({kind_of(each) for each in members} <= numbers for numbers in _NUMBERS):
        return None
    return _all([everywhere(test, f"{value}.member{i}", each, level) for i, each in enumerate(members)])


def _all(parts: Sequence[str | None]) -> str | None:
    known = [part for part in parts if part]
    return f"({' AND '.join(known)})" if known else None
