"""Any JSON value of any declared type is what plain Python says, or null for the reasons that Python finds."""

from __future__ import annotations

import json

import pyspark.sql.types as T
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.engine.decoding import Epoch, Json
from lakehouse_assets_tests.engine.decoding.decoded import decoded
from lakehouse_assets_tests.engine.decoding.json_oracle import verdict

pytestmark = pytest.mark.services

SCALARS = st.sampled_from(
    [
        *(T.StringType(), T.IntegerType(), T.LongType(), T.DecimalType(9, 2), T.BooleanType(), T.DoubleType()),
        *(T.TimestampType(), T.DateType(), Epoch("millis")),
    ]
)
FIELDS = ["a", "B", "user-id", "a.b", "x y", "50%", "é"]


def structs(inner: st.SearchStrategy[T.DataType]) -> st.SearchStrategy[T.DataType]:
    member = st.tuples(st.sampled_from(FIELDS), inner, st.booleans())
    members = st.lists(member, min_size=1, max_size=3, unique_by=lambda each: each[0].lower())
    return members.map(lambda found: T.StructType([T.StructField(*each) for each in found]))


TYPES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(T.ArrayType, inner, st.booleans()),
        st.builds(T.MapType, st.just(T.StringType()), inner, st.booleans()),
        structs(inner),
    ),
    max_leaves=5,
)
RIGHT = {
    T.StringType: ['"milk"', '""', '"{}"', '"Zo\\u00eb 🥛"'],
    T.IntegerType: ["1", "-2147483648", "2147483648", "3.0", "1e2"],
    T.LongType: ["9223372036854775807", "0", "9223372036854775808", "1.5"],
    T.DecimalType: ["1234567.89", "0.1", "1e1", "0.001", "12345678", "-0.50"],
    T.BooleanType: ["true", "false"],
    T.DoubleType: ["1.5", "1e3", "7", "-0.25"],
    T.TimestampType: ['"2026-01-01T10:00:00+01:00"', '"2026-01-01"', '"2026-13-01"'],
    T.DateType: ['"2026-01-01"', '"2026-02-30"'],
    Epoch: ["1700000000000", "-1.5", "0.0001", "1e20"],
}
ANYTHING = [*["null"] * 5, "1", '"x"', "[]", "{}", "true", "[1]", '{"a":null}', '[{"a":1}]', "1.25"]


@st.composite
def texts(draw: st.DrawFn, dtype: T.DataType) -> str:
    """Mostly of the type, now and then anything."""
    if draw(st.integers(0, 7)) == 0:
        return draw(st.sampled_from(ANYTHING))
    if isinstance(dtype, T.ArrayType):
        return "[" + ",".join(draw(st.lists(texts(dtype.elementType), max_size=3))) + "]"
    if isinstance(dtype, T.MapType):
        keys = draw(
            st.lists(st.sampled_from(["", "k", "K", "🥛", "a.b"]), max_size=3, unique=draw(st.integers(0, 4)) > 0)
        )
        return _object([(key, draw(texts(dtype.valueType))) for key in keys])
    if isinstance(dtype, T.StructType):
        pairs = [(each.name, draw(texts(each.dataType))) for each in dtype if draw(st.integers(0, 9))]
        extra = draw(
            st.lists(st.tuples(st.sampled_from([*FIELDS, "A", "other"]), st.sampled_from(ANYTHING)), max_size=1)
        )
        return _object(draw(st.permutations([*pairs, *(extra if draw(st.integers(0, 3)) == 0 else [])])))
    return draw(st.sampled_from(RIGHT[type(dtype)]))


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}: {text}" for key, text in pairs) + "}"


@settings(max_examples=20)
@given(data=st.data())
def test_any_value_of_any_type_is_what_python_says(interpreted, data):
    """Or its field is null, and the reasons are those that Python finds."""
    dtype = data.draw(TYPES.filter(lambda each: isinstance(each, T.ArrayType | T.MapType | T.StructType)))
    sent = data.draw(st.lists(texts(dtype).map(lambda text: f'{{"f":{text}}}'), min_size=25, max_size=40))

    rows = decoded(interpreted, Json({"f": dtype}), [text.encode() for text in sent])

    for text, row in zip(sent, rows, strict=True):
        wanted = verdict(text, "f", dtype)
        if wanted.twice:
            assert row["f"] is None, text
            assert {each for each in wanted.wrong if each.endswith("twice")} <= {*row["unreadable"]}, text
            continue
        assert (row["f"], {*row["unreadable"]}) == (wanted.value, wanted.wrong), text
        assert {*(row["undeclared"] or {})} == wanted.undeclared, text
