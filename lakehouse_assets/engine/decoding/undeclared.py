"""Fields that a record brings and no table declares, as text: a bounded number of them, all told."""

from __future__ import annotations

from collections.abc import Collection

from lakehouse_assets.engine.decoding import sql

MOST_UNDECLARED = 100
"""Undeclared fields kept of a record; the others are told, and stay readable in bronze."""
MOST_NAME_CHARACTERS, MOST_TEXT_CHARACTERS = 128, 8192
"""Of an undeclared field that is kept."""
NONE = "CAST(array() AS array<struct<name:string,text:string>>)"


def folded(name: str, declared: Collection[str]) -> str:
    """SQL: the name in lower case, but for one that then would be a declared field's."""
    lower = f"lower({name})"
    taken = sorted({each.lower() for each in declared})
    return f"CASE WHEN array_contains({sql.texts(taken)}, {lower}) THEN {name} ELSE {lower} END" if taken else lower


def within(names: str, fields: str, declared: Collection[str], pattern: str) -> str:
    """SQL: the undeclared fields of an object within a declared field, `name` after it, `order.colour`, and `text`.

    Args:
        names: of all fields of the object, in SQL.
        fields: map<string,variant>, in SQL.
        declared: the names that its type has.
        pattern: what reasons call the object.
    """
    others = f"slice(array_except({names}, {sql.texts(declared)}), 1, {MOST_UNDECLARED + 1})"
    path = f"concat({sql.text(pattern.lower() + '.')}, {folded('each', declared)})"
    return f"coalesce(transform({others}, each -> {_pair(path, f'{fields}[each]')}), {NONE})"


def at_the_top(names: str, fields: str, declared: Collection[str]) -> str:
    """SQL: the first undeclared fields of a record, likewise.

    Args:
        names: of its undeclared fields, in SQL.
        fields: map<string,variant>, in SQL.
        declared: names of the others.
    """
    pair = _pair(folded("each", declared), f"{fields}[each]")
    return f"coalesce(transform(slice({names}, 1, {MOST_UNDECLARED}), each -> {pair}), {NONE})"


def kept(pairs: str) -> str:
    """SQL: those that are kept, map<string,string>; of a name that comes again the first. Null where there are none."""
    names = f"slice(array_distinct(pairs.name), 1, {MOST_UNDECLARED})"
    small = f"length(each.name) <= {MOST_NAME_CHARACTERS} AND coalesce(length(each.text), 0) <= {MOST_TEXT_CHARACTERS}"
    first = f"transform({names}, name -> filter(pairs, each -> each.name = name)[0])"
    found = f"map_from_entries(filter({first}, each -> {small}))"
    return sql.let("pairs", pairs, f"CASE WHEN size(pairs) > 0 THEN {found} END")


def has_more(names: str, pairs: str, declared: Collection[str], found: str) -> str:
    """SQL: whether there are more than those that are kept, or larger ones."""
    at_the_top = f"transform({names}, each -> {folded('each', declared)})"
    every = f"array_distinct(concat(coalesce({at_the_top}, CAST(array() AS array<string>)), {pairs}.name))"
    return f"coalesce(size({found}), 0) < size({every})"


def _pair(name: str, value: str) -> str:
    return f"struct({name} AS name, CAST({value} AS string) AS text)"
