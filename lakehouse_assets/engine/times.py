"""Times in text: ISO 8601 with a four-digit year, as senders usually write it, and nothing that has to be guessed."""

from __future__ import annotations

import pyspark.sql.functions as F
from pyspark.sql import Column

_DATE = r"\d{4}-\d{2}-\d{2}"
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
    return F.when(text.rlike(_PLAIN), text.try_cast("timestamp")).when(
        text.rlike(_USUAL), _plainly(text).try_cast("timestamp")
    )


def iso_date(text: Column) -> Column:
    """The date of a text such as `2017-03-01`; null for any other."""
    return F.when(text.rlike(rf"^{_DATE}\z"), text.try_cast("date"))


def _plainly(text: Column) -> Column:
    """The one way of writing that Spark reads."""
    marked = F.concat(F.substring(text, 1, 10), F.lit("T"), F.upper(F.substring(text, 12, 100)))
    pointed = F.translate(marked, ",", ".")
    digits = F.regexp_replace(pointed, _ZONE_DIGITS, "$1:$2")
    hours = F.when(F.length(digits) > 16, F.regexp_replace(digits, _ZONE_HOURS, "$1:00")).otherwise(digits)
    return F.regexp_replace(hours, _NO_SECONDS, "$1:00")
