"""Pandera's built-in checks as Spark conditions, and the column types that each accepts.

A condition is true where a value meets the check, false where it does not, and null or true where the value is null:
checks say nothing of nulls, `not_null` does. They follow Spark's own comparisons: NaN equals NaN and is greater than
any number, -0.0 equals 0.0, numbers are compared as doubles where one is a float or double and exactly otherwise, a
date is the first instant of its day in the session's time zone, strings are equal when their bytes are, lengths count
code points, and regular expressions are Java's, but for `$` and `\\Z`, which are the very end.

Where Pandera's own verdict is left, and why, is in `lakehouse_assets_tests/engine/test_parity_differences.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import pyspark.sql.functions as F
import pyspark.sql.types as T
from pyspark.sql import Column

from lakehouse_assets.engine.patterns import strict_end

Statistics = Mapping[str, Any]
"""The arguments of a check, as Pandera names them."""
Condition = Callable[[Column, Statistics], Column]

WHOLE = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
NUMBERS = (*WHOLE, T.FloatType, T.DoubleType, T.DecimalType)
TIMES = (T.DateType, T.TimestampType)
_ORDERED = (*NUMBERS, *TIMES)
_LISTED = (*_ORDERED, T.StringType, T.BinaryType)

ACCEPTED: Mapping[str, tuple[type[T.DataType], ...]] = {
    "not_null": (T.DataType,),
    "equal_to": (*_LISTED, T.BooleanType),
    "not_equal_to": (*_LISTED, T.BooleanType),
    "greater_than": _ORDERED,
    "greater_than_or_equal_to": _ORDERED,
    "less_than": _ORDERED,
    "less_than_or_equal_to": _ORDERED,
    "in_range": _ORDERED,
    "isin": _LISTED,
    "notin": _LISTED,
    "str_matches": (T.StringType,),
    "str_contains": (T.StringType,),
    "str_startswith": (T.StringType,),
    "str_endswith": (T.StringType,),
    "str_length": (T.StringType,),
}
"""The types of column that each check can be asked of: Pandera raises TypeError for any other."""


def ordered(statistics: Statistics) -> Statistics:
    """The same arguments with each set as a list in a fixed order: each process lists a set in an order of its own."""
    return {
        name: sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        for name, value in statistics.items()
    }


def _in_range(column: Column, statistics: Statistics) -> Column:
    least, most = F.lit(statistics["min_value"]), F.lit(statistics["max_value"])
    above = column >= least if statistics["include_min"] else column > least
    below = column <= most if statistics["include_max"] else column < most
    return above & below


def _isin(column: Column, statistics: Statistics) -> Column:
    values = statistics["allowed_values"]
    known = column.isin(_known(values))
    return known if len(_known(values)) == len(values) else known | column.isNull()


def _notin(column: Column, statistics: Statistics) -> Column:
    return ~column.isin(_known(statistics["forbidden_values"]))


def _known(values: Collection[Any]) -> list[Any]:
    """Without None: Spark knows of no value whether it is in a list with a null, so that all would pass."""
    return [value for value in values if value is not None]


def _str_matches(column: Column, statistics: Statistics) -> Column:
    """The group keeps the anchor for each branch of a pattern like `a|b`."""
    return column.rlike(f"^(?:{strict_end(statistics['pattern'])})")


def _str_length(column: Column, statistics: Statistics) -> Column:
    length, exact = F.length(column), statistics.get("exact_value")
    least = statistics.get("min_value") if exact is None else exact
    most = statistics.get("max_value") if exact is None else exact
    if least is None:
        return length <= F.lit(most)
    return length >= F.lit(least) if most is None else (length >= F.lit(least)) & (length <= F.lit(most))


CHECKS: Mapping[str, Condition] = {
    "not_null": lambda c, s: c.isNotNull(),
    "equal_to": lambda c, s: c == F.lit(s["value"]),
    "not_equal_to": lambda c, s: c != F.lit(s["value"]),
    "greater_than": lambda c, s: c > F.lit(s["min_value"]),
    "greater_than_or_equal_to": lambda c, s: c >= F.lit(s["min_value"]),
    "less_than": lambda c, s: c < F.lit(s["max_value"]),
    "less_than_or_equal_to": lambda c, s: c <= F.lit(s["max_value"]),
    "in_range": _in_range,
    "isin": _isin,
    "notin": _notin,
    "str_matches": _str_matches,
    "str_contains": lambda c, s: c.rlike(strict_end(s["pattern"])),
    "str_startswith": lambda c, s: c.startswith(s["string"]),
    "str_endswith": lambda c, s: c.endswith(s["string"]),
    "str_length": _str_length,
}
"""Pandera's name of each check, and its condition."""
