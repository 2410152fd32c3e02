"""One JSON value that is no object and no array, strictly: of its declared type exactly, or unreadable.

All in SQL over a variant (`raw`), its kind as `schema_of_variant` names it, and its `value` as read here.
"""

from __future__ import annotations

from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegralType,
    StringType,
    TimestampType,
)

from lakehouse_assets.engine.decoding import sql
from lakehouse_assets.engine.decoding.documents import TEXT
from lakehouse_assets.engine.decoding.epoch import Epoch
from lakehouse_assets.engine.decoding.times import date_of, timestamp_of
from lakehouse_assets.engine.names import quoted

READ = (
    StringType,
    BooleanType,
    DecimalType,
    IntegralType,
    DoubleType,
    FloatType,
    TimestampType,
    DateType,
    Epoch,
)
"""Types that have a reader here."""
_LARGE_DOUBLE = 1.7976931348623157e308
_TOO_LONG = r"[:,\x5B]\s*-?(?:[0-9.]{16,}[eE]|[0-9.]+[eE]-[0-9]{3,}|[0-9.]{39,})"
"""A number that a double may not hold to its last digit, or takes for zero; digits that begin a text are none."""


def value(raw: str, dtype: DataType) -> str:
    """What `typed` makes the value of: null where there is none of the type, whatever the kind is."""
    if isinstance(dtype, TimestampType):
        return timestamp_of(_got(raw, "string"))
    if isinstance(dtype, DateType):
        return date_of(_got(raw, "string"))
    return _got(raw, _number(dtype).simpleString())


def typed(value: str, dtype: DataType) -> str:
    """The value of a readable field in its column's type."""
    return dtype.at(value) if isinstance(dtype, Epoch) else value


def is_readable(raw: str, kind: str, value: str, dtype: DataType, text: str = quoted(TEXT)) -> str:
    """boolean: it is of the type, or a JSON null, or not there; `text` is the record that it is in."""
    absent = f"{kind} IS NULL OR {kind} = 'VOID'"
    return f"coalesce({absent} OR ({value} IS NOT NULL AND {_is_kind(raw, kind, value, dtype, text)}), false)"


def _got(raw: str, kind: str) -> str:
    return f"try_variant_get({raw}, '$', '{kind}')"


def _number(dtype: DataType) -> DataType:
    return dtype.number if isinstance(dtype, Epoch) else dtype


def _is_kind(raw: str, kind: str, value: str, dtype: DataType, text: str) -> str:
    number = _number(dtype)
    if isinstance(number, DecimalType | IntegralType):
        fits = f"({kind} = 'BIGINT' OR {_of_scale(kind, number)} OR {_is_exact(raw, kind, value, text)})"
        return f"{fits} AND {dtype.is_time(value)}" if isinstance(dtype, Epoch) else fits
    if isinstance(dtype, DoubleType | FloatType):
        return f"({kind} RLIKE '^(BIGINT|DECIMAL|DOUBLE)' AND abs(CAST({value} AS double)) <= {_LARGE_DOUBLE!r}D)"
    return f"{kind} = '{'BOOLEAN' if isinstance(dtype, BooleanType) else 'STRING'}'"


def _of_scale(kind: str, number: DecimalType | IntegralType) -> str:
    """A decimal with no more places; Spark counts none that is a zero at the end."""
    most = number.scale if isinstance(number, DecimalType) else 0
    places = "|".join(map(str, range(most + 1)))
    pattern = rf"^DECIMAL\(\d+,({places})\)\z"
    return f"{kind} RLIKE {sql.text(pattern)}"


def _is_exact(raw: str, kind: str, value: str, text: str) -> str:
    """A number with an exponent, which Spark takes for a double, that lost nothing on its way into the type."""
    same = f"CAST({value} AS double) = {_got(raw, 'double')}"
    return f"({kind} = 'DOUBLE' AND {same} AND NOT {text} RLIKE {sql.text(_TOO_LONG)})"
