"""Why a check can't be enforced, found when a table is defined instead of when its rows are there.

Pandera counts a check that Spark can't evaluate as broken, or has Spark cast its value; here its author is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyspark.sql.types as T
from pandera.api.function_dispatch import Dispatcher
from pandera.pyspark import Check

from lakehouse_assets.engine.expressions import ACCEPTED, NUMBERS, WHOLE
from lakehouse_assets.engine.patterns import only_python

_VALUES: Mapping[type[T.DataType], tuple[type, ...]] = {
    **dict.fromkeys(NUMBERS, (int, float, Decimal)),
    T.StringType: (str,),
    T.BinaryType: (bytes, bytearray),
    T.BooleanType: (bool,),
    T.DateType: (date,),
    T.TimestampType: (date,),
}
_LONG = range(-(2**63), 2**63)
_INTEGER = range(-(2**31), 2**31)
_WHOLE_DIGITS: Mapping[type[T.DataType], int] = dict(zip(WHOLE, (3, 5, 10, 20), strict=True))
_MAX_DIGITS = 38
_LISTS = ("allowed_values", "forbidden_values")
_SETTINGS = ("include_min", "include_max")


def refusal(check: Check, dtype: T.DataType) -> str | None:
    """Why Spark can't enforce a check on a column of this type as Pandera would, or None where it can."""
    name, statistics = str(check.name), check.statistics or {}
    if not isinstance(check._check_fn, Dispatcher):  # a custom check may have the name of one of Pandera's
        return "it is not one of Pandera's own"
    if name not in ACCEPTED:
        return "it has no expression"
    if not isinstance(dtype, ACCEPTED[name]):
        return f"it does not accept the type {dtype.simpleString()}"
    if check.raise_warning:
        return '`raise_warning` sets no severity; say `metadata={"severity": "warn"}`'
    if not check.ignore_na:
        return "Pandera passes nulls on Spark in spite of `ignore_na=False`; say `nullable=False`"
    if name.startswith("str_"):
        return next(_of_text(name, statistics), None)
    return next(_of_values(statistics, dtype), None)


def _of_text(name: str, statistics: Mapping[str, Any]) -> Iterator[str]:
    expected = int if name == "str_length" else str
    for value in statistics.values():
        if value is not None and not isinstance(value, expected):
            yield f"its value {value!r} is not a {expected.__name__}"
    if "pattern" in statistics and (reason := only_python(statistics["pattern"])):
        yield f"its pattern has {reason}, which Java does not read so"


def _of_values(statistics: Mapping[str, Any], dtype: T.DataType) -> Iterator[str]:
    if any(name in statistics and not isinstance(statistics[name], Collection) for name in _LISTS):
        yield "its values can be read only once; give a list"
        return
    values = _values(statistics)
    if "allowed_values" in statistics and not values:
        yield "it allows no value"
    yield from (reason for value in values if (reason := _of_value(value, dtype)))
    if not any(isinstance(value, float) for value in values) and _digits(dtype, values) > _MAX_DIGITS:
        yield f"its values and {dtype.simpleString()} have no common decimal type of {_MAX_DIGITS} digits"


def _values(statistics: Mapping[str, Any]) -> list[Any]:
    listed = [value for name in _LISTS for value in statistics.get(name, ()) if value is not None]
    return listed + [value for name, value in statistics.items() if name not in (*_LISTS, *_SETTINGS)]


def _of_value(value: Any, dtype: T.DataType) -> str | None:
    """Spark would cast a value of another kind, or the column to it, row by row."""
    if not isinstance(value, _VALUES[type(dtype)]) or (
        isinstance(value, bool) and not isinstance(dtype, T.BooleanType)
    ):
        return f"its value {value!r} is not of the type {dtype.simpleString()}"
    if isinstance(value, datetime) and value.tzinfo is None:
        return f"its value {value!r} has no time zone: it would mean another instant on each machine"
    if isinstance(value, Decimal) and not value.is_finite():
        return f"its value {value!r} is no number to Spark"
    if isinstance(value, int) and value not in _LONG:
        return f"its value {value!r} is beyond 64 bits"
    if isinstance(value, Decimal) and isinstance(dtype, WHOLE) and not _LONG[0] <= value <= _LONG[-1]:
        return f"its value {value!r} is beyond 64 bits, where Spark's answer for nulls is not null"
    return None


def _digits(dtype: T.DataType, values: Sequence[Any]) -> int:
    """Digits of the decimal type that column and values would be compared in: 0 where none is decimal."""
    if not isinstance(dtype, T.DecimalType) and not any(isinstance(value, Decimal) for value in values):
        return 0
    if isinstance(dtype, (T.FloatType, T.DoubleType)):
        return 0
    parts = [_column_parts(dtype), *map(_value_parts, values)]
    return max(whole for whole, _ in parts) + max(scale for _, scale in parts)


def _column_parts(dtype: T.DataType) -> tuple[int, int]:
    """Digits before and after the point."""
    if isinstance(dtype, T.DecimalType):
        return dtype.precision - dtype.scale, dtype.scale
    return _WHOLE_DIGITS.get(type(dtype), 0), 0


def _value_parts(value: Any) -> tuple[int, int]:
    if isinstance(value, Decimal):
        _, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int)
        return max(len(digits) + exponent, 0), max(-exponent, 0)
    return (10 if isinstance(value, int) and value in _INTEGER else 20), 0
