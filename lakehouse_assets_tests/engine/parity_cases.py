"""Generated columns: for each type, rule and share of nulls, one that meets the rule and others that break it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import pyspark.sql.types as T

from lakehouse_assets_tests.engine.parity_oracle import ORDER, meets
from lakehouse_assets_tests.engine.parity_values import LENGTHS, ORDERED, PATTERNS, TEXT, TRUTH, Kind


@dataclass(frozen=True)
class Case:
    """One column: what its field says, and its rows."""

    dtype: T.DataType
    rules: Mapping[str, Any]
    """The arguments of `Field`, by name."""
    values: Sequence[Any]
    nullable: bool = True

    def broken(self) -> dict[str, list[int]]:
        """By argument of `Field`, the rows that break it; `nullable` for the nulls that may not be."""
        rows = {
            field: [at for at, value in enumerate(self.values) if not meets(field, argument, value)]
            for field, argument in self.rules.items()
        }
        nulls = [at for at, value in enumerate(self.values) if value is None]
        return rows if self.nullable else {"nullable": nulls, **rows}


def rules_of(kind: Kind) -> Iterator[tuple[str, Any]]:
    """Every rule that a column of this kind is generated with."""
    bounds = kind.bounds
    if kind in ORDERED:
        yield from product(ORDER, bounds)
        yield from (("in_range", limits) for limits in _ranges(bounds))
    else:
        yield from product(("eq", "ne"), bounds)
    if kind is not TRUTH:
        many = [*kind.values[::2], *kind.others]
        yield from product(("isin", "notin"), ([*bounds[1:3]], [bounds[0]], many))
        yield "notin", []
    if kind is TEXT:
        yield from product(("str_startswith", "str_endswith"), (*bounds, "%", "\n"))
        yield from product(("str_contains", "str_matches"), PATTERNS)
        yield from product(("str_length",), LENGTHS)


def _ranges(bounds: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    for low, high in pairwise(bounds):
        if meets("lt", high, low):
            for include_min, include_max in product((True, False), repeat=2):
                yield {"min_value": low, "max_value": high, "include_min": include_min, "include_max": include_max}


def one_of_each(kind: Kind, at: int) -> dict[str, Any]:
    """One rule for each check that this kind accepts; `at` chooses among the arguments."""
    arguments: dict[str, list[Any]] = defaultdict(list)
    for field, argument in rules_of(kind):
        arguments[field].append(argument)
    return {field: several[at % len(several)] for field, several in arguments.items()}


def whole(kind: Kind) -> Iterator[Case]:
    """For each rule, a column of all values and a null."""
    for field, argument in rules_of(kind):
        yield Case(kind.dtype, {field: argument}, [None, *kind.values])


def met(kind: Kind, field: str, argument: Any, nulls: int) -> Iterator[Case]:
    """The column of all values that meet a rule, if there are any."""
    if good := [value for value in kind.values if meets(field, argument, value)]:
        yield Case(kind.dtype, {field: argument}, [*[None] * nulls, *good])


def unmet(kind: Kind, field: str, argument: Any, nulls: int) -> Iterator[Case]:
    """For each value that breaks a rule, the column of this one and all that meet it."""
    good = [value for value in kind.values if meets(field, argument, value)]
    for bad in kind.values:
        if not meets(field, argument, bad):
            yield Case(kind.dtype, {field: argument}, [*good, bad, *[None] * nulls])


def few(kind: Kind, at: int) -> Iterator[Case]:
    """For each check, a column without nulls that meets a rule, and one with nulls and a single row that breaks it."""
    for field, argument in one_of_each(kind, at).items():
        yield from met(kind, field, argument, nulls=0)
        broken = list(unmet(kind, field, argument, nulls=2))
        yield from (
            broken[:1] if field in ("lt", "le") else broken[-1:]
        )  # values are in order: the one nearest the bound


def every(kind: Kind) -> Iterator[Case]:
    """For each rule, with nulls and without, a column that meets it, and one for each value that breaks it."""
    for field, argument in rules_of(kind):
        yield from met(kind, field, argument, nulls=2)
        yield from unmet(kind, field, argument, nulls=0)
        yield from list(unmet(kind, field, argument, nulls=2))[-1:]


def several(kind: Kind, at: int, values: Sequence[Any]) -> Case:
    """One column that has a rule of every check, and none against nulls."""
    return Case(kind.dtype, one_of_each(kind, at), values)
