"""Avro's binary encoding, written from its specification: an encoder of its own for tests."""

from __future__ import annotations

import struct
from typing import Any


def long(value: int) -> bytes:
    """A whole number, zigzag and in groups of seven bits."""
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])


def written(schema: Any, value: Any) -> bytes:
    """A value of a schema; of a choice of types the first that is null where the value is, the other where not."""
    if isinstance(schema, list):
        number = next(i for i, each in enumerate(schema) if (each == "null") == (value is None))
        return long(number) + written(schema[number], value)
    if isinstance(schema, dict) and schema["type"] in ("record", "array", "map"):
        return _of_several(schema, value)
    kind = schema["type"] if isinstance(schema, dict) else schema
    return _WRITERS[kind](value)


def _of_several(schema: Any, value: Any) -> bytes:
    if schema["type"] == "record":
        return b"".join(written(each["type"], value[each["name"]]) for each in schema["fields"])
    if schema["type"] == "array":
        items = [written(schema["items"], each) for each in value]
    else:
        items = [written("string", key) + written(schema["values"], each) for key, each in value.items()]
    return (long(len(items)) + b"".join(items) if items else b"") + long(0)


def _bytes(value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return long(len(raw)) + raw


_WRITERS = {
    "null": lambda _: b"",
    "boolean": lambda value: bytes([value]),
    "int": long,
    "long": long,
    "double": lambda value: struct.pack("<d", value),
    "bytes": _bytes,
    "string": _bytes,
}
