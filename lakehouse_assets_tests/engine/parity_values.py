"""Column types with the values at their edges, and the bounds that rules compare them with."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import pyspark.sql.types as T

NAN, INFINITY = float("nan"), float("inf")
INDIA = timezone(timedelta(hours=5, minutes=30))
TWELVE = range(20, 32)


class Kind(NamedTuple):
    """A type, values of a column of it, and values that its rules may have."""

    dtype: T.DataType
    values: Sequence[Any]
    bounds: Sequence[Any]
    others: Sequence[Any] = ()
    """Twelve more values: Spark looks a value up in a set where a list has more than ten."""


def _single(number: float) -> float:
    """The nearest number of four bytes."""
    return struct.unpack("f", struct.pack("f", number))[0]


def _whole(dtype: T.DataType, bits: int, *bounds: Any) -> Kind:
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return Kind(dtype, (least, -1, 0, 1, 2, 7, most - 1, most), (0, 1, most, 1.5, Decimal("0.5"), *bounds), TWELVE)


def _decimal(precision: int, scale: int, *bounds: Any) -> Kind:
    unit = Decimal(1).scaleb(-scale)
    most = Decimal((0, (9,) * precision, -scale))  # arithmetic would round it to 28 digits
    values = (most.copy_negate(), -unit, Decimal(0), unit, 2 * unit, most)
    return Kind(T.DecimalType(precision, scale), values, (unit, most, *bounds), [unit * number for number in TWELVE])


WHOLE = (
    _whole(T.ByteType(), 8, 1000),
    _whole(T.ShortType(), 16, 2**40),
    _whole(T.IntegerType(), 32, 2**31),
    _whole(T.LongType(), 64, float(2**62), Decimal(2**63 - 1)),
)
FLOATING = (
    Kind(
        T.FloatType(),
        (-INFINITY, -1.0, -0.0, 0.0, _single(0.1), 1.5, _single(3.4e38), _single(1e-45), INFINITY, NAN),
        (0, 0.0, -0.0, 0.1, _single(0.1), Decimal("1.5"), INFINITY, NAN),
        [float(number) for number in TWELVE],
    ),
    Kind(
        T.DoubleType(),
        (-INFINITY, -1.0, -0.0, 0.0, 0.1, 0.30000000000000004, 5e-324, 1.7976931348623157e308, INFINITY, NAN),
        (0, -0.0, 0.1, 0.3, Decimal("0.3"), INFINITY, NAN),
        [float(number) for number in TWELVE],
    ),
)
DECIMALS = (
    _decimal(5, 2, 0.01, Decimal("0.005"), Decimal("1E+2"), 10**12),
    _decimal(38, 18, Decimal("0.5"), 0),
    _decimal(38, 0, 3.5e37, 7, Decimal(12)),
    _decimal(18, 18, 0, Decimal("0.1"), 0.1),
)
TIMES = (
    Kind(
        T.DateType(),
        (
            date(1, 1, 1),
            date(1582, 10, 10),
            date(1969, 12, 31),
            date(1970, 1, 1),
            date(2024, 2, 29),
            date(9999, 12, 31),
        ),
        (
            date(1970, 1, 1),
            date(2024, 2, 29),
            datetime(2024, 2, 29, tzinfo=UTC),
            datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        ),
        [date(2000, 1, day) for day in TWELVE],
    ),
    Kind(
        T.TimestampType(),
        (
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(1970, 1, 1, tzinfo=UTC),
            datetime(2024, 2, 29, tzinfo=UTC),
            datetime(2024, 2, 29, 0, 0, 0, 1, tzinfo=UTC),
            datetime(2024, 2, 29, 18, 30, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        ),
        (
            datetime(1970, 1, 1, tzinfo=UTC),
            datetime(2024, 3, 1, tzinfo=INDIA),
            datetime(2024, 2, 29, 0, 0, 0, 1, tzinfo=UTC),
            date(2024, 2, 29),
        ),
        [datetime(2000, 1, day, tzinfo=INDIA) for day in TWELVE],
    ),
)
TEXT = Kind(
    T.StringType(),
    (
        "",
        "a",
        "A",
        "ab",
        "abc",
        " a",
        "a%b_c",
        "a\x00",
        "12",
        "12x",
        "\u00e9",
        "e\u0301",
        "ß",
        "İ",
        "👍🏽",
        "x\ny",
        "x\r\n",
    ),
    ("a", "A", "\u00e9", "e\u0301", "", "👍🏽", "a\x00"),
    [str(number) for number in TWELVE],
)
BYTES = Kind(
    T.BinaryType(), (b"", b"\x00", b"a", b"ab", b"\xff"), (b"a", b"", b"\xff"), [bytes([number]) for number in TWELVE]
)
TRUTH = Kind(T.BooleanType(), (True, False), (True, False))
NESTED = (
    Kind(T.ArrayType(T.StringType()), ([], ["a"], [None]), ()),
    Kind(T.ArrayType(T.ArrayType(T.IntegerType())), ([[1]], [None]), ()),
    Kind(T.MapType(T.StringType(), T.LongType()), ({"a": 1}, {}), ()),
)
ORDERED = (*WHOLE, *FLOATING, *DECIMALS, *TIMES)
FLAT = (*ORDERED, TEXT, BYTES, TRUTH)

FIELDS = {
    "equal_to": "eq",
    "not_equal_to": "ne",
    "greater_than": "gt",
    "greater_than_or_equal_to": "ge",
    "less_than": "lt",
    "less_than_or_equal_to": "le",
}
"""Where the argument of `Field` is not named like its check."""

PATTERNS = ("a", "^a", "a+b", "[0-9]+", "(x|y)", "%", "a.b", "", "(?i)AB", "👍.", "[^a-z]")
LENGTHS = ({"min_value": 1}, {"max_value": 1}, {"min_value": 2, "max_value": 3}, {"exact_value": 2}, {"exact_value": 0})
