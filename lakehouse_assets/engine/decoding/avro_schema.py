"""An Avro schema as a table gives it: the types that it names, and what of them can be read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from lakehouse_assets.engine import names
from lakehouse_assets.errors import ContractError

Schema = Any
"""As JSON has it: a name, a choice of several, or an object with its `type`."""
_PRIMITIVE: Final = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
_WORDS: Final = ("doc", "default", "aliases", "order")
"""What does not change how bytes are read."""
_SEAL: Final = {"name": "seal", "type": {"type": "fixed", "name": "lakehouse_seal", "size": 16}}


def parse(text: str) -> dict[str, Schema]:
    """Type by field of a record's schema, each type written out wherever it is named.

    Raises:
        ContractError: it is no JSON, no record, or has a type that cannot be read; says which.
    """
    try:
        found = _resolved(json.loads(text), {}, (), "")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        refuse(f"the schema cannot be read: {error!r}", "Give it as JSON text, with every type that it names")
    if kind_of(found) != "record":
        refuse("the schema is of no record", "Give the schema of a record")
    return {each["name"]: each["type"] for each in found["fields"]}


def sealed(text: str) -> str:
    """The schema of a record, `record`, and of 16 bytes after it, `seal`."""
    return _around(text, [_SEAL])


def begun(text: str) -> str:
    """The schema of a record, `record`, whatever comes after it."""
    return _around(text, [])


def _around(text: str, after: list[Schema]) -> str:
    """Without words for people: a bracket in them hides lineage. Of bytes that are none, Spark makes a struct of nulls:
    within another one, it is null itself."""
    fields = [{"name": "record", "type": _without_words(json.loads(text))}, *after]
    return json.dumps({"type": "record", "name": "lakehouse_sealed", "fields": fields})


def refuse(what: str, do: str) -> NoReturn:
    """Raises the ContractError."""
    raise ContractError(what, where="Avro", do=do)


def kind_of(schema: Schema) -> str:
    """`array`, `record`, `string`, ..., or `union`."""
    return "union" if isinstance(schema, list) else str(schema if isinstance(schema, str) else schema["type"])


def logical(schema: Schema) -> str:
    """The logical type; empty where there is none."""
    return str(schema.get("logicalType", "")) if isinstance(schema, dict) else ""


def _without_words(schema: Schema) -> Schema:
    if isinstance(schema, list):
        return [_without_words(each) for each in schema]
    if isinstance(schema, dict):
        return {name: _without_words(value) for name, value in schema.items() if name not in _WORDS}
    return schema


def _resolved(schema: Schema, known: dict[str, Schema], above: tuple[str, ...], space: str) -> Schema:
    """`above`: the records that this stands in; `space`: their namespace."""
    if isinstance(schema, str):
        return schema if schema in _PRIMITIVE else _named(_full(schema, space), known, above)
    if isinstance(schema, list):
        return [_resolved(each, known, above, space) for each in schema]
    kind = schema["type"]
    if kind in ("record", "enum", "fixed"):
        return _defined(schema, known, above, space)
    if kind in ("array", "map"):
        inner = "items" if kind == "array" else "values"
        return schema | {inner: _items(_resolved(schema[inner], known, above, space))}
    return schema if kind in _PRIMITIVE else _resolved(kind, known, above, space)


def _defined(schema: Mapping[str, Any], known: dict[str, Schema], above: tuple[str, ...], space: str) -> Schema:
    name = _full(schema["name"], schema.get("namespace", space))
    made = dict(schema)
    if schema["type"] == "record":
        names.check([each["name"] for each in schema["fields"]], (), "Avro", "Rename one of the two in the schema")
        inside = ((*above, name), name.rpartition(".")[0])
        made["fields"] = [each | {"type": _resolved(each["type"], known, *inside)} for each in schema["fields"]]
    known[name] = made
    return made


def _named(name: str, known: Mapping[str, Schema], above: tuple[str, ...]) -> Schema:
    if name in above:
        refuse(f"the type {name} holds itself", "Spark has no column of such a type: take the value as Bytes")
    return known[name]


def _full(name: str, space: str) -> str:
    return name if "." in name or not space else f"{space}.{name}"


def _items(items: Schema) -> Schema:
    """Where they take no bytes, a few bytes stand for any number of them: a record could ask for all memory."""
    if _takes_no_bytes(items):
        refuse("an array or map of values that take no bytes", "Take the value as Bytes")
    return items


def _takes_no_bytes(schema: Schema) -> bool:
    if kind_of(schema) == "record":
        return all(_takes_no_bytes(each["type"]) for each in schema["fields"])
    return kind_of(schema) == "null" or (kind_of(schema) == "fixed" and schema["size"] == 0)
