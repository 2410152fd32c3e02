"""A record's value as one JSON object and nothing else, or why it is none."""

from __future__ import annotations

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from lakehouse_assets.engine.names import column, own

NOT_AN_OBJECT = "value: not a JSON object"
NOT_UTF8 = "value: not UTF-8"
MORE = "value: more after the JSON object"
BEYOND = "value: not a JSON object within 999 levels and 1000 characters a number and 50000 a name"
"""Spark's parser takes no more. Without commas: they part the expressions of a plan, which lineage reads."""
PREFIXED = "value: five bytes of a schema registry before the JSON object"

DOCUMENT = own("document")
"""map<string,variant>: the fields in their order, also one given twice; null where there is no object."""
FAULT = own("fault")
"""string: one of the reasons above; null where there is an object."""
TEXT = own("text")
"""string: the value as text."""

BYTES = own("bytes")
"""binary: the value without a byte order mark, or what a schema registry puts before it."""

_PARSED, _SEAL = own("parsed"), own("seal")
STRICT = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
"""Options of a parser that takes JSON and nothing else."""
_MARK = "X'EFBBBF'"
_MOST_LEVELS = 999
_OPENING = r"\x5B|\x7B"
"""Brackets by number: one alone in a plan's text would hide where its expressions end."""
_LONG = r"(?<![0-9.eE+-])[0-9.eE+-]{1001}|\"[^\"]{50001}"
"""A number or a name beyond the parser's limits, if it is one; linear, whatever the text is."""


def with_document(records: DataFrame, schema_id: bool = False) -> DataFrame:
    """`records` with the columns of this module, from `value` (binary); `schema_id`: five bytes come before the JSON.

    A byte order mark is passed over. Spark's parser stops after the first JSON value, whatever follows: the text is
    read as the first of two elements of an array, and the second, which no record can know, has to be there.
    """
    return (
        with_bytes(records, schema_id)
        .withColumns({TEXT: column(BYTES).cast("string"), _SEAL: F.md5(column(BYTES))})
        .withColumn(_PARSED, F.when(F.is_valid_utf8(column(BYTES)), _parsed(column(TEXT), column(_SEAL))))
        .withColumn(DOCUMENT, F.when(_is_whole(), F.get(column(_PARSED), F.lit(0))))
        .withColumn(FAULT, F.when(column(DOCUMENT).isNull(), _fault()))
    )


def with_bytes(records: DataFrame, schema_id: bool = False) -> DataFrame:
    """`records` with `BYTES`."""
    return records.withColumn(BYTES, without_mark(schema_id))


def document(schema_id: bool = False) -> Column:
    """map<string,variant>: the fields of the first object in `value`; null where there is none or it is no JSON."""
    raw = without_mark(schema_id)
    return F.get(F.when(F.is_valid_utf8(raw), _parsed(raw.cast("string"), F.lit("more"))), F.lit(0))


def without_document(rows: DataFrame) -> DataFrame:
    """`rows` without the columns of this module."""
    return rows.drop(*[column(name) for name in (BYTES, _SEAL, _PARSED, DOCUMENT, FAULT, TEXT)])


def where_not_utf8() -> Column:
    """string: `line 1, byte 7` of the first byte that is no UTF-8."""
    return F.expr(" ".join(_WHERE.format(bytes=f"`{BYTES}`").split()))


def without_mark(schema_id: bool = False) -> Column:
    """binary: `BYTES` of a record's `value`."""
    value = F.substring("value", 6, 2_147_483_647) if schema_id else F.col("value")
    return F.when(F.startswith(value, F.expr(_MARK)), F.substring(value, 4, 2_147_483_647)).otherwise(value)


def _parsed(text: Column, seal: Column) -> Column:
    """The seal is a value: names are interned, and one in each record fills the parser's table of them."""
    sealed = F.concat(F.lit("["), text, F.lit(',{"seal":"'), seal, F.lit('"}]'))
    return F.from_json(sealed, "array<map<string,variant>>", STRICT)


def _is_whole() -> Column:
    parsed = column(_PARSED)
    seal = F.try_variant_get(F.get(parsed, F.lit(1))[F.lit("seal")], "$", "string")
    return (F.size(parsed) == 2) & (seal == column(_SEAL))


def _fault() -> Column:
    text = column(TEXT)
    is_object = F.schema_of_variant(F.try_parse_json(text)).startswith("OBJECT")
    prefixed = F.json_object_keys(F.substring(text, 6, 2_147_483_647)).isNotNull()
    has_prefix = F.startswith(column(BYTES), F.expr("X'00'")) & prefixed
    first = F.get(column(_PARSED), F.lit(0))
    more = is_object & (column(_PARSED).isNull() | first.isNotNull())
    return (
        F.when(has_prefix, F.lit(PREFIXED))
        .when(~F.is_valid_utf8(column(BYTES)), F.lit(NOT_UTF8))
        .when(more & ~_is_deep(), F.lit(MORE))
        .when(_is_deep() | column(TEXT).rlike(_LONG), F.lit(BEYOND))
        .otherwise(F.lit(NOT_AN_OBJECT))
    )


def _is_deep() -> Column:
    """By its brackets, those within texts too: what is whole and within the limits has no fault."""
    return F.regexp_count(column(TEXT), F.lit(_OPENING)) > _MOST_LEVELS


_WHERE = """transform(array(aggregate(
    split(make_valid_utf8({bytes}), '\\uFFFD'),
    named_struct('at', 0, 'found', false),
    (seen, piece) -> CASE
        WHEN seen.found THEN seen
        WHEN substring({bytes}, seen.at + octet_length(piece) + 1, 3) = X'EFBFBD'
            THEN named_struct('at', seen.at + octet_length(piece) + 3, 'found', false)
        ELSE named_struct('at', seen.at + octet_length(piece), 'found', true) END
)), seen -> concat(
    'line ', 1 + length(regexp_replace(decode(substring({bytes}, 1, seen.at), 'UTF-8'), '[^\\\\x0A]', '')),
    ', byte ', seen.at + 1))[0]"""
"""In SQL: Python names the variable of a function anew each time, and a plan that changes has no fingerprint."""
