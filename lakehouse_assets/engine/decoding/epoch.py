"""Times as numbers: seconds, milliseconds or microseconds since 1970-01-01 UTC, by a unit that the table declares."""

from __future__ import annotations

from typing import Any, Final, Literal

from pyspark.sql.types import AtomicType, DecimalType

Unit = Literal["seconds", "millis", "micros"]
_DIGITS: Final = {"seconds": 6, "millis": 3, "micros": 0}
"""Places after the point that a microsecond needs."""
_FIRST_MICROS, _LAST_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999, as of times in text."""


class Epoch(AtomicType):
    """The type of a JSON number that counts from 1970-01-01 UTC; its column is a timestamp.

    `Epoch("millis")` reads 1793528130000 and, exactly, 1793528130000.5; what is finer than a microsecond or outside of
    the years 1 to 9999 is unreadable: a unit is never guessed.

    Raises:
        ValueError: a unit other than seconds, millis and micros.
    """

    def __init__(self, unit: Unit) -> None:
        if unit not in _DIGITS:
            raise ValueError(f"Epoch({unit!r}): give one of {', '.join(map(repr, _DIGITS))}")
        self.unit = unit

    def simpleString(self) -> str:  # noqa: N802  Spark's name
        """As reasons name it."""
        return f"timestamp in epoch {self.unit}"

    def __repr__(self) -> str:
        return f"Epoch({self.unit!r})"

    @property
    def number(self) -> DecimalType:
        """What the JSON number has to fit exactly."""
        return DecimalType(38, _DIGITS[self.unit])

    def is_time(self, number: str) -> str:
        """SQL: whether a decimal is within the years."""
        return f"{number} * {self._micros} BETWEEN {_FIRST_MICROS} AND {_LAST_MICROS}"

    def at(self, number: str) -> str:
        """SQL: the timestamp of a decimal within the years."""
        return f"timestamp_micros(CAST({number} * {self._micros} AS bigint))"

    @property
    def _micros(self) -> int:
        return int(10 ** _DIGITS[self.unit])

    @classmethod
    def typeName(cls) -> str:  # noqa: N802  Spark's name
        """What a column of it is."""
        return "timestamp"

    def jsonValue(self) -> Any:  # noqa: N802  Spark's name
        """What a column of it is."""
        return "timestamp"
