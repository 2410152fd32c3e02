"""What can't be enforced is refused when the table is defined, with the column, the check and the reason."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pandera.pyspark as pa
import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.contracts import compile_model
from lakehouse_assets.engine.expressions import ACCEPTED, CHECKS
from lakehouse_assets.engine.patterns import only_python
from lakehouse_assets.errors import ContractError
from lakehouse_assets_tests.engine.parity_bench import errors, frame, model
from lakehouse_assets_tests.engine.parity_cases import Case, one_of_each
from lakehouse_assets_tests.engine.parity_values import FIELDS, FLAT, NESTED, TEXT, WHOLE

NOON = datetime(2024, 2, 29, 12)
SCALED = Decimal("0.00000000000000000001")

REFUSED = [
    (T.ArrayType(T.StringType()), {"eq": "a"}, "does not accept the type array<string>"),
    (T.BooleanType(), {"isin": [True]}, "does not accept the type boolean"),
    (T.StringType(), {"gt": "a"}, "does not accept the type string"),
    (T.BinaryType(), {"str_length": 1}, "does not accept the type binary"),
    (T.StringType(), {"unique_values_eq": ["a"]}, "has no expression"),
    (T.IntegerType(), {"in_range": {"min_value": 0, "max_value": 2**63}}, "beyond 64 bits"),
    (T.IntegerType(), {"isin": [1, "2"]}, "'2' is not of the type int"),
    (T.IntegerType(), {"ge": False}, "False is not of the type int"),
    (T.BooleanType(), {"eq": 1}, "1 is not of the type boolean"),
    (T.DateType(), {"ge": "2024-02-29"}, "is not of the type date"),
    (T.TimestampType(), {"ge": NOON}, "no time zone"),
    (T.DecimalType(18, 2), {"le": Decimal("Infinity")}, "is no number"),
    (T.DecimalType(28, 18), {"isin": [1, 2**40]}, None),
    (T.DecimalType(38, 19), {"eq": SCALED}, "no common decimal type"),
    (T.LongType(), {"eq": SCALED}, "no common decimal type"),
    (T.StringType(), {"str_length": {"min_value": 1.5}}, "1.5 is not a int"),
    (T.StringType(), {"str_startswith": b"a"}, "is not a str"),
    (T.StringType(), {"str_matches": "(?P<a>b)"}, "a group that only Python has"),
]


@pytest.mark.parametrize(("dtype", "rules", "reason"), REFUSED)
def test_a_refusal_names_column_check_and_reason(dtype, rules, reason):
    """Its author knows what to change without a row having been there."""
    generated = model([Case(dtype, rules, [])])
    if reason is None:
        assert compile_model(generated, "gold/x").rules
        return
    (field,) = rules
    check = {argument: name for name, argument in FIELDS.items()}.get(field, field)
    with pytest.raises(ContractError, match=f"gold/x: check '{check}' on c0 .*{reason}"):
        compile_model(generated, "gold/x")


def test_a_check_of_ones_own_is_not_taken_for_panderas():
    """Also where it has the name of one."""

    class Own(DataFrameModel):
        units: T.IntegerType = Field()

        @pa.check("units")
        def greater_than(cls, column):  # noqa: N805
            return True

    with pytest.raises(ContractError, match="not one of Pandera's own"):
        compile_model(Own, "gold/x")


def test_the_order_of_a_set_changes_nothing():
    """Names of rules and the contract's version are the same in each process."""
    first, second = (
        compile_model(model([Case(T.StringType(), {"isin": values}, [])]), "t") for values in ({"b", "a"}, ["a", "b"])
    )

    assert (first.version, first.rules[0].name) == (second.version, second.rules[0].name)


def test_every_expression_says_which_types_it_accepts():
    """And the other way round."""
    assert ACCEPTED.keys() == CHECKS.keys()


@pytest.mark.services
def test_pandera_refuses_the_same_types(spark):
    """A type that a check does not accept is a TypeError to Pandera, and no other is."""
    rules = {**one_of_each(TEXT, 0), **one_of_each(WHOLE[0], 0)}
    for kind in (*FLAT, *NESTED):
        rows = frame(spark, [Case(kind.dtype, {}, [])])
        accepted = one_of_each(kind, 0) if kind in FLAT else {}
        for field in rules.keys() - accepted.keys():
            refused = model([Case(kind.dtype, {field: rules[field]}, [])])
            with pytest.raises(TypeError, match="only supports the following datatypes"):
                errors(refused, rows)
            with pytest.raises(ContractError, match="does not accept the type"):
                compile_model(refused, "t")


UNREADABLE = [
    "(?P<a>b)",
    "(?P<a>b)(?P=a)",
    "(?#a)b",
    "(?a)b",
    "(?ia)b",
    "(a)(?(1)b|c)",
    "a{,3}",
    "a{",
    "[[a]",
    "[a[]",
    r"[\b]|a",
    r"\U00000061",
    r"a\0",
]
MISREAD = ["[a-z&&b]", "(?x)a # b"]
READABLE = [
    "",
    "a{1,}",
    "a{2}",
    "a]",
    "a}",
    "[]a]",
    "[^]b]",
    "[{]",
    r"\{",
    r"\[[a]",
    r"\\[a]",
    r"\(\?P",
    "[(?P]",
    "(?i)a",
    "(?iu:a)",
    "(?-i:a)",
    "(?<=a)b",
    "(?<!a)b",
    "(?=a)",
    "(?>a)",
    "a++",
    r"a\b",
    r"\x61",
    r"\u0061",
    r"\07",
    "é👍",
]


@pytest.mark.parametrize("pattern", [*UNREADABLE, *MISREAD])
def test_what_only_python_reads_is_told(pattern):
    """Before a row is matched with it."""
    assert only_python(pattern)


@pytest.mark.parametrize("pattern", READABLE)
def test_what_both_read_is_taken(pattern):
    """No pattern is refused without need."""
    assert only_python(pattern) is None


@pytest.mark.services
@pytest.mark.slow
def test_java_reads_what_is_taken_and_fails_on_what_is_not(interpreted):
    """Pandera counts a pattern that Java can't read as broken by rows that it describes."""
    rows = frame(interpreted, [Case(T.StringType(), {}, ["ab"])])
    for pattern in (*UNREADABLE, *READABLE):
        found = errors(model([Case(T.StringType(), {"str_contains": pattern}, [])]), rows, "CHECK_ERROR")
        assert bool(found) == (pattern in UNREADABLE), pattern
