"""Parity: the compiled contract finds broken what Pandera does, rule by rule; plain Python decides on rows and counts.

Where Pandera's verdict is left, and why, is in `test_parity_differences.py`.
"""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from itertools import chain, product
from typing import Any

import pyspark.sql.types as T
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.pyspark import DataFrameModel
from pyspark.sql import DataFrame

from lakehouse_assets.engine.contracts import compile_model
from lakehouse_assets_tests.engine.parity_bench import (
    assert_all,
    assert_exact,
    assert_parity,
    batches,
    errors,
    frame,
    model,
)
from lakehouse_assets_tests.engine.parity_cases import Case, every, few, one_of_each, several, whole
from lakehouse_assets_tests.engine.parity_oracle import ORDER
from lakehouse_assets_tests.engine.parity_values import DECIMALS, FLAT, FLOATING, NESTED, TEXT, TIMES, WHOLE, Kind

pytestmark = pytest.mark.services
SOME = (WHOLE[2], FLOATING[1], DECIMALS[0], TIMES[1], TEXT)


def _named(kind: Kind) -> str:
    return kind.dtype.simpleString()


def test_each_rule_names_and_counts_the_rows_that_break_it(interpreted):
    """Every rule on every value of its type, without Pandera, which tells neither."""
    for group in batches(chain.from_iterable(whole(kind) for kind in FLAT), 60):
        assert_exact(interpreted, group)


def test_each_check_agrees_on_each_type(interpreted):
    """Rows that meet a rule, and a single one that does not, with nulls and without."""
    assert assert_all(interpreted, chain.from_iterable(few(kind, at) for at, kind in enumerate(FLAT))) > 200


@pytest.mark.slow
def test_several_rules_on_a_column_agree(interpreted):
    """A row is named by every rule it breaks; nulls break none, an empty frame breaks none."""
    assert_all(interpreted, [several(kind, 1, [None] * 2) for kind in FLAT], columns_at_once=4)
    assert_all(interpreted, [several(kind, 2, [None, *kind.values]) for kind in SOME], columns_at_once=2)
    assert_parity(interpreted, [several(kind, 3, []) for kind in SOME])


def test_nulls_break_a_column_that_may_have_none(interpreted):
    """Only whole values are null: a null in an array is the array's matter."""
    for kind_values in (lambda kind: kind.values, lambda kind: [*kind.values, None], lambda _: [None]):
        cases = [Case(kind.dtype, {}, kind_values(kind), nullable=False) for kind in (*FLAT, *NESTED)]
        assert_all(interpreted, cases, columns_at_once=5)


def test_a_column_of_another_type_is_told_by_both(spark):
    """The contract's field differs from a frame's column where Pandera says so, or fails on the question."""
    types = [kind.dtype for kind in (*FLAT, *NESTED)] + [T.DecimalType(6, 2)]
    actual = [frame(spark, [Case(dtype, {}, [])]) for dtype in types]
    for declared, rows in product([model([Case(dtype, {}, [])]) for dtype in types], actual):
        field, column = compile_model(declared, "declared").fields["c0"], rows.schema["c0"]

        assert _told_by_pandera(declared, rows) == (field.dataType != column.dataType), (field, column)


def _told_by_pandera(declared: type[DataFrameModel], rows: DataFrame) -> bool:
    """Pandera compares decimals and arrays with their own kind only, and fails on any other."""
    try:
        return errors(declared, rows, "WRONG_DATATYPE") != []
    except (AssertionError, AttributeError):
        return True


def _value(kind: Kind) -> st.SearchStrategy:
    """Any value of this type, often one at an edge."""
    known = st.sampled_from([*kind.values, *kind.others])
    if kind in WHOLE:
        return known | st.integers(kind.values[0], kind.values[-1])
    if kind in DECIMALS:
        precision, scale = kind.dtype.precision, kind.dtype.scale
        digits = st.integers(1 - 10**precision, 10**precision - 1)
        return known | digits.map(lambda number: Decimal(f"{number}E-{scale}"))
    return known | OTHERS.get(kind.dtype, known)


OTHERS: dict[T.DataType, st.SearchStrategy] = {
    T.FloatType(): st.floats(width=32),
    T.DoubleType(): st.floats(),
    T.DateType(): st.dates(),
    T.TimestampType(): st.datetimes(timezones=st.just(UTC)),
    T.StringType(): st.text(st.characters(exclude_characters="\r\x85\u2028\u2029", codec="utf-8"), max_size=4),
    T.BinaryType(): st.binary(max_size=3),
}
"""No line ends but Java's and Python's common one: what `.` says of the others is among the facts on patterns."""


@st.composite
def _rules(draw: st.DrawFn, kind: Kind) -> dict[str, Any]:
    rules = one_of_each(kind, draw(st.integers(0, 1000)))
    for field in ORDER.keys() & rules.keys():
        rules[field] = draw(st.just(rules[field]) | _value(kind))
    chosen = draw(st.lists(st.sampled_from(sorted(rules)), min_size=1, max_size=4, unique=True))
    return {field: rules[field] for field in chosen}


@st.composite
def _columns(draw: st.DrawFn) -> list[Case]:
    length = draw(st.integers(0, 6))
    kinds = draw(st.lists(st.sampled_from(FLAT), min_size=1, max_size=3))
    return [
        Case(
            kind.dtype,
            draw(_rules(kind)),
            draw(st.lists(st.none() | _value(kind), min_size=length, max_size=length)),
            draw(st.booleans()),
        )
        for kind in kinds
    ]


@settings(max_examples=6, derandomize=True)
@given(cases=_columns())
def test_any_columns_agree(interpreted, cases):
    """Types, rules and rows that nobody thought of."""
    assert_parity(interpreted, cases)


@pytest.mark.slow
@settings(max_examples=300)
@given(cases=_columns())
def test_many_more_columns_agree(interpreted, cases):
    """The same, longer."""
    assert_parity(interpreted, cases)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", FLAT, ids=_named)
def test_every_rule_agrees_on_every_value(interpreted, kind):
    """Each value that breaks a rule is found on its own."""
    assert assert_all(interpreted, every(kind)) >= len(list(every(kind)))


@pytest.mark.slow
def test_each_check_agrees_in_compiled_code(spark):
    """As the engine runs many rows."""
    assert_all(spark, chain.from_iterable(few(kind, at + 1) for at, kind in enumerate(FLAT)))
