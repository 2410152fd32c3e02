"""Where the compiled contract leaves Pandera's verdict, each with its reason; and what patterns mean to both.

A difference that Pandera mends fails here, and can then be removed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NamedTuple

import pyspark.sql.types as T
import pytest

from lakehouse_assets.engine.contracts import compile_model
from lakehouse_assets.errors import ContractError
from lakehouse_assets_tests.engine.parity_bench import compiled_counts, errors, frame, model, pandera_verdict
from lakehouse_assets_tests.engine.parity_cases import Case

REFUSED = "refused"


class Difference(NamedTuple):
    """One value in one column with one rule, and who finds it broken."""

    dtype: T.DataType
    rules: dict[str, Any]
    value: Any
    pandera: bool
    contract: bool | str
    why: str


DIFFERENCES = (
    Difference(
        T.BinaryType(), {"eq": b"a"}, b"a", True, False, "Pandera fails to build the comparison on Spark Connect"
    ),
    Difference(T.BinaryType(), {"ne": b"a"}, b"b", True, False, "the same"),
    Difference(T.StringType(), {"str_matches": "a|b"}, "xb", False, True, "Pandera anchors the first branch only"),
    Difference(T.StringType(), {"str_matches": "^a|b"}, "xb", False, True, "a pattern with ^ is left as it is"),
    Difference(T.StringType(), {"str_matches": "a$"}, "a\r", False, True, "Java's $ is before a line end as well"),
    Difference(T.StringType(), {"str_contains": "a$"}, "a\r\n", False, True, "the same"),
    Difference(T.StringType(), {"str_matches": r"[$]a\Z"}, "$a\n", False, True, "the same of \\Z"),
    Difference(T.StringType(), {"isin": ["a", None]}, "x", False, True, "a null in the list makes every answer null"),
    Difference(T.LongType(), {"isin": [None, 1]}, 2, False, True, "the same"),
    Difference(T.StringType(), {"isin": []}, None, True, REFUSED, "no row could be published"),
    Difference(T.IntegerType(), {"gt": 0, "ignore_na": False}, None, False, REFUSED, "Pandera ignores it on Spark"),
    Difference(T.IntegerType(), {"gt": 0, "raise_warning": True}, 0, False, REFUSED, "the warning is all that is left"),
    Difference(T.IntegerType(), {"eq": "1"}, 1, False, REFUSED, "cast by Spark, which may fail on a row"),
    Difference(T.IntegerType(), {"eq": "x"}, 1, True, REFUSED, "fails in Spark"),
    Difference(T.IntegerType(), {"eq": True}, 1, True, REFUSED, "fails in Spark"),
    Difference(T.IntegerType(), {"lt": 2**63}, 1, True, REFUSED, "fails in Spark"),
    Difference(T.StringType(), {"eq": 1}, "x", True, REFUSED, "Spark casts each row, and fails on this one"),
    Difference(T.StringType(), {"str_contains": "(?P<a>b)"}, "b", True, REFUSED, "fails in Spark"),
    Difference(T.StringType(), {"str_matches": re.compile("a", re.I)}, "A", True, REFUSED, "the flag is dropped"),
    Difference(T.StringType(), {"isin": iter(["a", "b"])}, "a", False, REFUSED, "Pandera has read it already"),
    Difference(
        T.DecimalType(38, 30),
        {"isin": [1, 2]},
        Decimal("1.000000000000000000000000000001"),
        False,
        REFUSED,
        "Spark rounds the row",
    ),
    Difference(
        T.DecimalType(38, 18),
        {"lt": Decimal("1.000000000000000001000000000001")},
        Decimal("1.000000000000000001"),
        True,
        REFUSED,
        "Spark rounds the bound",
    ),
    Difference(T.LongType(), {"gt": Decimal(2**63)}, None, True, REFUSED, "Spark answers false for a null"),
)


@pytest.mark.services
@pytest.mark.parametrize("each", DIFFERENCES, ids=lambda each: f"{each.dtype.simpleString()} {' '.join(each.rules)}")
def test_each_difference_is_as_stated(interpreted, each):
    """Pandera's verdict and the contract's are both what the table says."""
    case = Case(each.dtype, each.rules, [each.value])
    rows = frame(interpreted, [case])

    assert bool(errors(model([case]), rows)) == each.pandera
    if each.contract == REFUSED:
        with pytest.raises(ContractError):
            compile_model(model([case]), "table")
    else:
        assert list(compiled_counts(compile_model(model([case]), "table"), rows).values()) == [each.contract]


class Fact(NamedTuple):
    """Whether a pattern is found in a value, and whether the value begins with it, as Java has it."""

    pattern: str
    value: str
    contains: bool
    matches: bool


FACTS = (
    Fact("a$", "a\nb", False, False),
    Fact("(?m)^b", "a\nb", True, False),
    Fact("a.c", "a\nc", False, False),
    Fact("a.c", "a\rc", False, False),
    Fact("(?s)a.c", "a\nc", True, True),
    Fact(r"\d", "\u0663", False, False),
    Fact(r"\w", "\u00e9", False, False),
    Fact("(?i)\u00c9", "\u00e9", False, False),
    Fact("(?iu)\u00c9", "\u00e9", True, True),
    Fact("\u00e9", "e\u0301", False, False),
    Fact("^.$", "\U0001f44d", True, True),
    Fact("^.$", "\U0001f44d\U0001f3fd", False, False),
    Fact("b", "ab", True, False),
    Fact("^^a", "a", True, True),
    Fact("%", "a%", True, False),
    Fact("_", "ab", False, False),
    Fact(r"a\|b", "a|b", True, True),
    Fact("[|]", "a|b", True, False),
    Fact("(?:a|b)c", "bc", True, True),
    Fact("", "", True, True),
    Fact(r"\(?", "x", True, True),
)


@pytest.mark.services
def test_patterns_mean_what_java_has_them_mean(interpreted):
    """Line ends, letters beyond ASCII and code points: Pandera and the contract give the stated verdict."""
    cases = [
        Case(T.StringType(), {"str_contains": fact.pattern, "str_matches": fact.pattern}, [fact.value])
        for fact in FACTS
    ]
    generated, rows = model(cases), frame(interpreted, cases)
    stated = {(f"c{i}", name): not getattr(fact, name[4:]) for i, fact in enumerate(FACTS) for name in cases[0].rules}

    assert {key: bool(count) for key, count in compiled_counts(compile_model(generated, "t"), rows).items()} == stated
    assert pandera_verdict(generated, rows) == {key for key, broken in stated.items() if broken}


@pytest.mark.services
def test_a_timestamp_without_a_zone_is_one_with_a_zone_to_pandera(spark):
    """It takes a declared `TimestampNTZType` for `TimestampType`, and the contract with it."""
    declared, rows = model([Case(T.TimestampNTZType(), {}, [])]), frame(spark, [Case(T.TimestampNTZType(), {}, [])])

    assert compile_model(declared, "t").fields["c0"].dataType == T.TimestampType()
    assert errors(declared, rows) == []
