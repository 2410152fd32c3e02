"""`--fields "No: text, Paid: decimal(18,2)"`: the fields of a record that a draft reads, by words for their types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Final

from pandera.pyspark import DataFrameModel

from lakehouse_assets.engine.names import EVENTS_OWN
from lakehouse_assets.errors import LakehouseError

USUAL: Final = "Id: text, Time: timestamp"
EXAMPLE: Final = '--fields "No: text, Paid: decimal(18,2), Date: timestamp"'
_DECIMAL: Final = re.compile(r"decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_COMMA: Final = re.compile(r",(?![^(]*\))")
_WORDS: Final = "text, int, long, decimal(p,s), double, bool, date, timestamp"


@dataclass(frozen=True)
class Type:
    """A type in a draft's text: in Spark, as a record sends a value of it, and as the table then holds that."""

    spark: str
    sent: str
    held: str = ""

    @property
    def given(self) -> str:
        """As a type of `parse_json`."""
        return self.spark if self.is_decimal else f"{self.spark}()"

    @property
    def is_decimal(self) -> bool:
        """Whether it has a number of digits."""
        return self.spark.startswith("T.DecimalType")


DATE: Final = Type("T.DateType", '"2026-01-01"', "date(2026, 1, 1)")
TIMESTAMP: Final = Type("T.TimestampType", '"2026-01-01T10:00:00Z"')
TEXT: Final = Type("T.StringType", '"1"', '"1"')
TYPES: Final[Mapping[str, Type]] = {
    "text": TEXT,
    "int": Type("T.IntegerType", "1", "1"),
    "long": Type("T.LongType", "1", "1"),
    "double": Type("T.DoubleType", "1.5", "1.5"),
    "bool": Type("T.BooleanType", "True", "True"),
    "date": DATE,
    "timestamp": TIMESTAMP,
}


@dataclass(frozen=True)
class Column:
    """A field of a record, and the column of its name."""

    name: str
    dtype: Type

    @property
    def is_time(self) -> bool:
        """Whether it could say when something happened."""
        return self.dtype in (DATE, TIMESTAMP)


def columns(text: str) -> Sequence[Column]:
    """The fields in their order; the first one is the grain.

    Raises:
        LakehouseError: it says no fields; tells how they are said.
    """
    found = [_column(part) for part in _COMMA.split(text or USUAL)]
    names = [each.name.lower() for each in found]
    if twice := [each.name for each in found if names.count(each.name.lower()) > 1]:
        raise _wrong(f"{twice[0]} is there twice", "Give each field once")
    return found


def time_of(found: Sequence[Column]) -> str:
    """The field with the event's own time, the first one that could be it; empty for none."""
    return next((each.name for each in found if each.is_time), "")


def _column(part: str) -> Column:
    name, _, word = (each.strip() for each in part.partition(":"))
    dtype = _type(word.lower())
    if dtype is None:
        raise _wrong(f"{part.strip()!r} is no field with its type", f"Types are {_WORDS}; e.g. {EXAMPLE}")
    for fault in _faults(name):
        raise _wrong(f"a draft cannot have a column {name!r}: {fault}", _RENAME)
    return Column(name, dtype)


_RENAME: Final = (
    "Leave the field out, then add it to PAYLOAD and give it another column:"
    ' parse_json(records, PAYLOAD, columns={"offset": "till_offset"})'
)


def _type(word: str) -> Type | None:
    if word in TYPES:
        return TYPES[word]
    found = _DECIMAL.fullmatch(word)
    digits, places = (int(found[1]), int(found[2])) if found else (0, 0)
    return decimal(digits, places) if 0 < digits <= 38 and places <= digits else None


def decimal(digits: int, places: int) -> Type:
    """A decimal of so many digits, so many of them after the point."""
    value = "1" if places < digits else "0"
    return Type(f"T.DecimalType({digits}, {places})", value, value)


def _faults(name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name) or iskeyword(name):
        yield "it is no name in Python"
    if name.lower() in EVENTS_OWN:
        yield "the engine has one of that name"
    if name in ("T", "Field") or hasattr(DataFrameModel, name):
        yield "a model has something else of that name"


def _wrong(what: str, do: str) -> LakehouseError:
    return LakehouseError(what, where="--fields", do=do)
