"""Times in text: ISO 8601 with a four-digit year, as senders usually write it, and nothing that has to be guessed."""

from __future__ import annotations

from pyspark.sql import Column

from lakehouse_assets.engine.decoding import sql

_DATE = r"\d{4}-\d{2}-\d{2}"
_DAY = rf"^{_DATE}\z"
_PLAIN = rf"^{_DATE}(?:[T ]\d{{2}}:\d{{2}}:\d{{2}}(?:\.\d{{1,9}})?(?:Z|[+-]\d{{2}}:\d{{2}})?)?\z"
_USUAL = rf"^{_DATE}[Tt ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:[.,]\d{{1,9}})?)?(?:[Zz]|[+-]\d{{2}}(?::?\d{{2}})?)?\z"
_ZONE_HOURS = r"([+-]\d{2})\z"
_ZONE_DIGITS = r"([+-]\d{2})(\d{2})\z"
_NO_SECONDS = r"^(.{10}T\d{2}:\d{2})(?=[Z+-]|\z)"


def iso_timestamp(text: Column) -> Column:
    """The timestamp of an ISO 8601 text with a four-digit year (UTC where it names no zone); null for any other.

    Date alone; `T`, `t` or a space before the time; seconds or none; up to nine digits of a second after a point or a
    comma, read to the microsecond; `Z`, `z`, `+01:00`, `+0100`, `+01` or no zone. A leap second is none.
    """
    return sql.applied(text, "iso", timestamp_of("iso"))


def iso_date(text: Column) -> Column:
    """The date of a text such as `2017-03-01`; null for any other."""
    return sql.applied(text, "iso", date_of("iso"))


def timestamp_of(text: str) -> str:
    """SQL: `iso_timestamp` of a text."""
    usually = f"WHEN {text} RLIKE {sql.text(_USUAL)} THEN try_cast({_plainly(text)} AS timestamp)"
    return f"CASE WHEN {text} RLIKE {sql.text(_PLAIN)} THEN try_cast({text} AS timestamp) {usually} END"


def date_of(text: str) -> str:
    """SQL: `iso_date` of a text."""
    return f"CASE WHEN {text} RLIKE {sql.text(_DAY)} THEN try_cast({text} AS date) END"


def _plainly(text: str) -> str:
    """The one way of writing that Spark reads."""
    pointed = rf"translate(concat(substring({text}, 1, 10), 'T', upper(substring({text}, 12, 100))), '\u002C', '.')"
    digits = _replaced(pointed, _ZONE_DIGITS, "$1:$2")
    hours = f"CASE WHEN length({text}) > 16 THEN {_replaced(digits, _ZONE_HOURS, '$1:00')} ELSE {digits} END"
    return _replaced(hours, _NO_SECONDS, "$1:00")


def _replaced(text: str, pattern: str, by: str) -> str:
    return f"regexp_replace({text}, {sql.text(pattern)}, {sql.text(by)})"
