"""What turns the bytes of a record's value into typed columns; one file beside this one for each format."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from pyspark.sql import Column, DataFrame
from pyspark.sql.types import DataType, DateType, TimestampType

from lakehouse_assets.engine.decoding.epoch import Epoch
from lakehouse_assets.errors import ContractError


class Decoder(Protocol):
    """How the records of a table are written. Frozen, equal where it says the same."""

    @property
    def columns_read(self) -> Collection[str]:
        """The columns that the fields are read into."""
        ...

    @property
    def arrays(self) -> Collection[str]:
        """Those of them that are arrays."""
        ...

    def decode(self, records: DataFrame, explode: str = "") -> DataFrame:
        """`records` with a typed column for each declared field, and those of `outcome`.

        With `explode`, one of the `arrays`, each element is a row: its column then holds the element, and `line` (int)
        its number from 0. A record without an element is one row, of line 0, that says so in `unreadable`.

        Source: a bronze table with `value` (binary). A record that cannot be read is a row of nulls with its reasons in
        `unreadable`: no value of a record makes a batch fail.
        """
        ...

    def event_time(self, *path: str) -> EventTime:
        """The event's own time, from a declared field; several names where it is within objects.

        Raises:
            ContractError: no such field is declared, or it is no time.
        """
        ...

    def time(self, *path: str) -> Column:
        """timestamp: that field of a record with `value` (binary); null where it cannot be read."""
        ...


@dataclass(frozen=True)
class EventTime:
    """What a bronze table declares as its `event_time`."""

    decoder: Decoder
    path: tuple[str, ...]

    def __call__(self) -> Column:
        """timestamp: over a record's columns; null where it cannot be read."""
        return self.decoder.time(*self.path)


def check_time(dtype: DataType | None, path: tuple[str, ...], where: str) -> None:
    """Lets the types of times pass.

    Raises:
        ContractError: it is another, or None: there is no such field.
    """
    if isinstance(dtype, TimestampType | DateType | Epoch):
        return
    what = "is not declared" if dtype is None else f"is a {dtype.simpleString()}, no time"
    do = 'Name a field that is declared as a timestamp, a date or an Epoch("millis"); one within others by all names'
    raise ContractError(f"the event time {'.'.join(path)!r} {what}", where=where, do=do)
