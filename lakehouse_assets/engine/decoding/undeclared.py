"""Fields that a record brings and no table declares, as text: a bounded number of them, all told."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from lakehouse_assets.engine.decoding import sql

MOST_UNDECLARED = 100
"""Undeclared fields kept of a record; the others are told, and stay readable in bronze."""
MOST_NAME_CHARACTERS, MOST_TEXT_CHARACTERS = 128, 8192
"""Of an undeclared field that is kept."""
_TEXTS = "map<string,string>"


def folded(name: str, declared: Collection[str]) -> str:
    """SQL: the name in lower case, but for one that then would be a declared field's."""
    lower = f"lower({name})"
    taken = sorted({each.lower() for each in declared})
    return f"CASE WHEN array_contains({sql.texts(taken)}, {lower}) THEN {name} ELSE {lower} END" if taken else lower


def distinct(names: str, declared: Collection[str]) -> str:
    """SQL: the first of those `names` that fold to the same one, each with what it folds to as `folded`."""
    pairs = f"transform({names}, each -> struct(each AS name, {folded('each', declared)} AS folded))"
    first = "filter(pairs, (pair, i) -> array_position(pairs.folded, pair.folded) = i + 1)"
    return f"transform(array({pairs}), pairs -> {first})[0]"


def at_the_top(names: str, fields: str, declared: Collection[str]) -> tuple[str, str]:
    """SQL: the undeclared fields of a record, null where there is none, and whether it has more or larger ones.

    Args:
        names: of its undeclared fields, in SQL.
        fields: map<string,variant>, in SQL.
        declared: names of the others.
    """
    first = distinct(f"slice({names}, 1, {MOST_UNDECLARED})", declared)
    texts = f"transform({first}, each -> struct(each.folded AS name, CAST({fields}[each.name] AS STRING) AS text))"
    small = f"length(each.name) <= {MOST_NAME_CHARACTERS} AND coalesce(length(each.text), 0) <= {MOST_TEXT_CHARACTERS}"
    found = f"CASE WHEN size({names}) > 0 THEN map_from_entries(filter({texts}, each -> {small})) END"
    different = f"size(array_distinct(transform({names}, each -> {folded('each', declared)})))"
    further = f"CASE WHEN size({names}) > 0 THEN coalesce(size({found}), 0) < {different} ELSE false END"
    return found, further


def within(names: str, fields: str, declared: Collection[str], pattern: str) -> str:
    """SQL: the fields of an object within a declared field, by their names after it, `order.colour`.

    Of one whose text is too large the name alone is kept.

    Args:
        names: of all fields of the object, in SQL.
        fields: map<string,variant>, in SQL.
        declared: the names that its type has.
        pattern: what reasons call the object.
    """
    others = f"slice(array_except({names}, {sql.texts(declared)}), 1, {MOST_UNDECLARED + 1})"
    path = f"substring(concat({sql.text(pattern.lower() + '.')}, each.folded), 1, {MOST_NAME_CHARACTERS})"
    text = f"CAST({fields}[each.name] AS string)"
    kept = f"CASE WHEN length({text}) <= {MOST_TEXT_CHARACTERS} THEN {text} END"
    entries = f"transform({distinct(others, declared)}, each -> map({path}, {kept}))"
    return f"CASE WHEN size({others}) > 0 THEN {merged_of(entries)} END"


def merged(maps: Iterable[str]) -> str:
    """SQL: one map of several, of which each may be null; the first one's text where two have a name."""
    return merged_of(f"array({', '.join(maps)})")


def merged_of(maps: str) -> str:
    """SQL: one map of an array of them; it has more than are kept where there are more. Null where they are empty."""
    fresh = "map_filter(each, (name, text) -> NOT map_contains_key(known, name))"
    step = f"CASE WHEN size(known) > {MOST_UNDECLARED} THEN known ELSE map_concat(known, {fresh}) END"
    all_of_them = f"aggregate(maps, CAST(map() AS {_TEXTS}), (known, each) -> {step})"
    found = f"filter({maps}, each -> size(each) > 0)"
    return sql.let("maps", found, f"CASE WHEN size(maps) > 0 THEN {all_of_them} END")


def bounded(found: str) -> str:
    """SQL: as many fields of a map as are kept."""
    few = f"map_from_entries(slice(map_entries({found}), 1, {MOST_UNDECLARED}))"
    return f"CASE WHEN size({found}) > {MOST_UNDECLARED} THEN {few} ELSE {found} END"
