"""Which values meet a check, in plain Python: imports nothing of the package, of Spark or of Pandera."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def meets(field: str, argument: Any, value: Any) -> bool:
    """Whether a value meets what a field says, as in `Field(ge=0)`; a null meets everything."""
    if value is None:
        return True
    if field in ORDER:
        value, bound = _comparable([value, argument])
        return ORDER[field](value, bound)
    return OTHER[field](value, argument)


def _comparable(values: Iterable[Any]) -> list[Any]:
    """All as doubles where one is a float, NaN above everything; all as instants where one is; or as they are."""
    values = list(values)
    if any(isinstance(value, float) for value in values):
        return [_above_all(float(value)) for value in values]
    if any(isinstance(value, datetime) for value in values):
        return [value if isinstance(value, datetime) else _midnight(value) for value in values]
    return values


def _above_all(number: float) -> tuple[bool, float]:
    return (True, 0.0) if number != number else (False, number)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _in_range(value: Any, limits: Mapping[str, Any]) -> bool:
    above = "ge" if limits.get("include_min", True) else "gt"
    below = "le" if limits.get("include_max", True) else "lt"
    return meets(above, limits["min_value"], value) and meets(below, limits["max_value"], value)


def _isin(value: Any, values: Iterable[Any]) -> bool:
    value, *known = _comparable([value, *(each for each in values if each is not None)])
    return value in known


def _length(value: str, limits: Mapping[str, int]) -> bool:
    exact = limits.get("exact_value")
    least, most = (limits.get("min_value"), limits.get("max_value")) if exact is None else (exact, exact)
    return (least is None or len(value) >= least) and (most is None or len(value) <= most)


OTHER: Mapping[str, Callable[[Any, Any], bool]] = {
    "in_range": _in_range,
    "isin": _isin,
    "notin": lambda value, values: not _isin(value, values),
    "str_contains": lambda value, pattern: re.search(pattern, value, re.ASCII) is not None,
    "str_matches": lambda value, pattern: re.match(pattern, value, re.ASCII) is not None,
    "str_startswith": str.startswith,
    "str_endswith": str.endswith,
    "str_length": _length,
}
