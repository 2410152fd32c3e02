"""Reading JSON values strictly: a field is of its declared type, or it is named as unreadable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import DataType

from lakehouse_assets.engine import names
from lakehouse_assets.engine.contracts import without_nulls
from lakehouse_assets.engine.decoding import documents, json_nested, outcome, sql, undeclared
from lakehouse_assets.engine.decoding.documents import DOCUMENT, FAULT, NOT_UTF8, TEXT
from lakehouse_assets.engine.decoding.json_field import SOURCES, TWICE, Field, Lines
from lakehouse_assets.engine.decoding.outcome import ABSENT, FURTHER, UNDECLARED, UNREADABLE, UNREADABLE_AS, came
from lakehouse_assets.engine.names import column, own
from lakehouse_assets.errors import ContractError

_KEYS, _NAMES, _PAIRS, _GOOD, _PLAIN = (own(name) for name in ("keys", "names", "pairs", "good", "plain"))


def parse_json(
    records: DataFrame,
    types: Mapping[str, DataType],
    optional: Collection[str] = (),
    columns: Mapping[str, str] | None = None,
    schema_id: bool = False,
    explode: str = "",
) -> DataFrame:
    """`records` with one typed column for each field of `types`, read from the JSON object in `value`.

    Numbers must be JSON numbers that fit their type exactly (no rounding), strings JSON strings, timestamps and dates
    texts as `iso_timestamp` reads them, or numbers where the type is an `Epoch`. Objects are read as StructType, or as
    MapType of strings, arrays as ArrayType, strictly at each level: one wrong value in a field makes all of it null.

    The added column `unreadable` (array<string>) names what could not be read; such a field is null. A JSON null is
    null and readable, and so is a missing field; unless it is `optional` it is named in `absent`, so that a dropped or
    renamed field does not become a null in silence; within a field, what is not nullable must be there. Fields that
    nobody asked for are in `undeclared`, those within a field by their path. Names are those of the record, case
    included. `columns` gives a field another column than that of its own name; `schema_id` says that five bytes of a
    schema registry come before the JSON. `explode` names the column of an array of which each element becomes a row,
    with its number in the added column `line` (int): what is wrong with one element is told of its row alone.

    Source: a bronze table with `value` (binary).

    Raises:
        ContractError: a field's column would be one of the engine's, or its type has no reader; named.
    """
    fields = fields_of(types, columns, explode)
    found = documents.with_document(records, schema_id)
    for stage in (_whole, _opened, _counted, _read):
        found = found.withColumns(stage(fields))
    for each in fields:
        found = each.exploded(found)
    for stage in (_judged, _found, _typed):
        found = found.withColumns(stage(fields))
    found = found.withColumns({UNREADABLE: _unreadable(fields), UNREADABLE_AS: _unreadable_as(fields)})
    found = found.withColumns({ABSENT: _absent(fields, optional), **_undeclared(fields)})
    helpers = [
        _KEYS,
        TWICE,
        _NAMES,
        _PAIRS,
        _GOOD,
        _PLAIN,
        SOURCES,
        *(name for each in fields for name in each.helpers),
    ]
    return documents.without_document(found.drop(*[column(name) for name in helpers]))


def fields_of(types: Mapping[str, DataType], columns: Mapping[str, str] | None, explode: str = "") -> list[Field]:
    """The declared fields; each element of the one that is read into the column `explode` is a row.

    Raises:
        ContractError: a field's column would be one of the engine's, or its type has no reader; named.
    """
    into = {name: (columns or {}).get(name, name) for name in types}
    fields = [
        (Lines if explode and into[name] == explode else Field)(i, name, dtype, into[name])
        for i, (name, dtype) in enumerate(types.items())
    ]
    do = 'Give the field another column: columns={"offset": "till_offset"}'
    names.check([each.into for each in fields], names.RECORDS_OWN, "parse_json", do)
    if wrong := [f"{each.name} ({why})" for each in fields for why in json_nested.check(each.dtype)]:
        raise ContractError(
            f"cannot read the type of {', '.join(wrong)}",
            where="parse_json",
            do="Declare text, boolean, number, timestamp, date or Epoch; structs, arrays or maps by string of them",
        )
    return fields


def _whole(fields: Sequence[Field]) -> dict[str, Column]:
    """The names, and where it is needed the text of each field."""
    texts = F.from_json(column(TEXT), "map<string,string>", documents.STRICT)
    sources = {SOURCES: F.when(column(DOCUMENT).isNotNull(), texts)} if _nested(fields) else {}
    return {_KEYS: F.map_keys(column(DOCUMENT))} | sources


def _nested(fields: Sequence[Field]) -> list[Field]:
    return [each for each in fields if each.is_nested]


def _opened(fields: Sequence[Field]) -> dict[str, Column]:
    return {each.raw: column(DOCUMENT)[F.lit(each.name)] for each in fields}


def _counted(fields: Sequence[Field]) -> dict[str, Column]:
    """Whether a record has the declared fields and no other, as is usual: then there is nothing to look for."""
    there = _all([column(each.raw).isNotNull() for each in fields])
    return {_PLAIN: there & (F.size(column(_KEYS)) == len(fields))}


def _read(fields: Sequence[Field]) -> dict[str, Column]:
    wanted = sql.texts(each.name for each in fields)
    repeated = f"filter({wanted}, name -> size(filter({_KEYS}, each -> each = name)) > 1)"
    twice = (
        f"CASE WHEN NOT coalesce({_PLAIN}, false) AND size(array_distinct({_KEYS})) < size({_KEYS}) THEN {repeated} END"
    )
    others = f"CASE WHEN NOT coalesce({_PLAIN}, false) THEN array_except({_KEYS}, {wanted}) END"
    found = {name: made for each in fields for name, made in each.read().items()}
    return found | {TWICE: F.expr(twice), _NAMES: F.expr(others)}


def _judged(fields: Sequence[Field]) -> dict[str, Column]:
    return {each.readable: each.is_readable() for each in fields}


def _typed(fields: Sequence[Field]) -> dict[str, Column]:
    return {each.into: each.typed() for each in fields} | {_GOOD: _all([column(each.readable) for each in fields])}


def _all(conditions: Sequence[Column]) -> Column:
    """Whether there is an object and all of the conditions hold; a balanced tree, because Spark Connect takes no
    expression of a hundred levels."""
    return _both([column(FAULT).isNull(), *conditions])


def _both(conditions: Sequence[Column]) -> Column:
    half = len(conditions) // 2
    return _both(conditions[:half]) & _both(conditions[half:]) if half else conditions[0]


def _unreadable(fields: Sequence[Field]) -> Column:
    nothing = without_nulls([])
    is_faulty = column(FAULT).isNotNull()
    found = outcome.reasons([each.reasons() for each in fields])
    return F.when(column(_GOOD), nothing).when(is_faulty, F.array(column(FAULT))).otherwise(found)


def _unreadable_as(fields: Sequence[Field]) -> Column:
    """The names of the reasons stay few, whatever comes; what came is kept beside them."""
    where = F.map_from_entries(F.array(came(NOT_UTF8, "", documents.where_not_utf8())))
    found = outcome.entries([each.entries() for each in fields])
    faulty = F.when(column(FAULT) == NOT_UTF8, where)
    return F.when(column(FAULT).isNotNull(), faulty).when(~column(_GOOD), found)


def _absent(fields: Sequence[Field], optional: Collection[str]) -> Column:
    wanted = F.expr(sql.texts(each.name for each in fields if each.name not in optional))
    nothing = without_nulls([])
    return F.when(column(_PLAIN), nothing).otherwise(F.coalesce(F.array_except(wanted, column(_KEYS)), nothing))


def _found(fields: Sequence[Field]) -> dict[str, Column]:
    """The undeclared fields, those within fields too."""
    pairs = [undeclared.at_the_top(_NAMES, DOCUMENT, [each.name for each in fields])]
    pairs += [each.more() for each in _nested(fields)]
    return {_PAIRS: F.expr(f"concat({', '.join(pairs)})")}


def _undeclared(fields: Sequence[Field]) -> dict[str, Column]:
    """A record may name as many fields as it likes: only the first ones are looked at."""
    found = F.expr(undeclared.kept(_PAIRS))
    declared = [each.name for each in fields]
    more = undeclared.has_more(_NAMES, _PAIRS, declared, undeclared.kept(_PAIRS))
    there = F.size(column(_PAIRS)) > 0
    return {UNDECLARED: F.when(there, found), FURTHER: F.when(there, F.expr(more)).otherwise(F.lit(False))}
