"""Rules in words, so that the list of a table's checks reads like a contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lakehouse_assets.engine.contracts import Rule
from lakehouse_assets.engine.rules import ReferenceRule, RowRule, SpanningRule, UniqueRule, VolumeRule

Statistics = Mapping[str, Any]

_WORDS: Mapping[str, Callable[[Statistics], str]] = {
    "not_null": lambda s: "is never null",
    "equal_to": lambda s: f"is {s['value']}",
    "not_equal_to": lambda s: f"is not {s['value']}",
    "greater_than": lambda s: f"is above {s['min_value']}",
    "greater_than_or_equal_to": lambda s: f"is at least {s['min_value']}",
    "less_than": lambda s: f"is below {s['max_value']}",
    "less_than_or_equal_to": lambda s: f"is at most {s['max_value']}",
    "in_range": lambda s: f"is between {s['min_value']} and {s['max_value']}{_bounds(s)}",
    "isin": lambda s: f"is one of {_listed(s['allowed_values'])}",
    "notin": lambda s: f"is none of {_listed(s['forbidden_values'])}",
    "str_matches": lambda s: f"begins with a match of `{s['pattern']}`",
    "str_contains": lambda s: f"contains a match of `{s['pattern']}`",
    "str_startswith": lambda s: f"starts with `{s['string']}`",
    "str_endswith": lambda s: f"ends with `{s['string']}`",
}


def promise(rule: Rule | RowRule | SpanningRule) -> str:
    """The rule as a sentence without its full stop, e.g. `Price is at most 1000000`."""
    if isinstance(rule, Rule):
        words = _WORDS.get(rule.check)
        return f"`{rule.column}` {words(rule.statistics)}" if words else rule.name
    return _over_row_or_rows(rule)


def _over_row_or_rows(rule: RowRule | SpanningRule) -> str:
    if isinstance(rule, RowRule):
        return f"{rule.name[:1].upper()}{rule.name[1:]}: `{rule.sql}`"
    if isinstance(rule, UniqueRule):
        return f"No two rows of a day share {_listed(rule.columns)}"
    if isinstance(rule, VolumeRule):
        most = "or more" if rule.at_most is None else f"to {rule.at_most:,}"
        return f"A day has {rule.at_least:,} {most} rows"
    assert isinstance(rule, ReferenceRule)
    return f"`{rule.column}` is known as `{rule.to_column}` in `{rule.to}`"


def _listed(values: Any) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _bounds(statistics: Statistics) -> str:
    left_out = [
        name for name, at in (("the first", "include_min"), ("the last", "include_max")) if not statistics.get(at, True)
    ]
    return f", without {' and '.join(left_out)}" if left_out else ""
