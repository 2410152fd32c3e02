"""Grids: how a table is parted in time, or not at all; in Dagster, in Delta's folders and in SQL alike.

A partition is a date (a day, or the first day of a week or month), a text in Dagster's own form for an hour
(`2017-03-01-05:00`), or `WHOLE` for a table that has one only. `str` of it is Dagster's partition key.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final

import pyspark.sql.functions as F
from pyspark.sql import Column
from pyspark.sql.types import DataType, DateType, StringType, StructField

if TYPE_CHECKING:
    from dagster import TimeWindowPartitionsDefinition

Partition = date | str
Span = tuple[datetime, datetime]
"""From, and up to but not at, UTC."""

WHOLE: Final = "all"
_HOUR: Final = "%Y-%m-%d-%H:00"
_DAY: Final = timedelta(days=1)


def partition(text: str) -> Partition:
    """A partition as a log or a ledger writes it; the inverse of `str`."""
    try:
        return date.fromisoformat(text) if len(text) == len("2017-03-01") else text
    except ValueError:
        return text


def ordered(partitions: Iterable[Partition]) -> list[Partition]:
    """Oldest first; they are of one grid."""
    return sorted(partitions, key=str)


class Grid(ABC):
    """How a table is parted: the column that says a row's partition, empty for none, and what people call one."""

    column: ClassVar[str]
    dtype: ClassVar[DataType] = DateType()
    unit: ClassVar[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The column, if there is one."""
        return (self.column,) if self.column else ()

    @property
    def fields(self) -> tuple[StructField, ...]:
        """The column as a field of a schema, if there is one."""
        return tuple(StructField(name, self.dtype, False) for name in self.columns)

    @abstractmethod
    def of(self, moment: Column) -> Column:
        """The partition of a timestamp."""

    @abstractmethod
    def at(self, moment: datetime) -> Partition:
        """The partition of a time, UTC."""

    @abstractmethod
    def span(self, partition: Partition) -> Span:
        """What a partition covers."""

    @abstractmethod
    def dagster(self, first: date, days_ahead: int) -> TimeWindowPartitionsDefinition | None:
        """As Dagster knows it; None for a table that is not parted."""

    @abstractmethod
    def literal(self, partition: Partition) -> str:
        """A partition in SQL."""

    def shown(self) -> Column:
        """A row's partition, null for one that Python cannot hold."""
        held = F.col(self.column).between(F.lit(date.min), F.lit(date.max))
        return F.when(held, F.col(self.column))

    def key(self, partition: Partition) -> str | None:
        """Dagster's key of a partition; None for a table that is not parted."""
        return str(partition)

    def where(self, partitions: Iterable[Partition], alias: str = "") -> str:
        """A SQL condition that prunes to these partitions; false for none."""
        dot = f"{alias}." if alias else ""
        shown = ", ".join(map(self.literal, ordered(partitions)))
        return f"{dot}{self.column} IN ({shown})" if shown else "FALSE"

    def next(self, partition: Partition) -> Partition:
        """The one after it."""
        return self.at(self.span(partition)[1])

    def between(self, first: Partition, last: Partition) -> Iterator[Partition]:
        """All of them, the last one included."""
        while str(first) <= str(last):
            yield first
            first = self.next(first)

    def within(self, span: Span) -> Sequence[Partition]:
        """The partitions that a time span touches."""
        return [*self.between(self.at(span[0]), self.at(span[1] - timedelta(microseconds=1)))]

    def parse(self, text: str) -> Partition:
        """The partition of this key.

        Raises:
            ValueError: it is none.
        """
        found = partition(text)
        if self.at(self.span(found)[0]) != found:
            raise ValueError(f"{text!r} is no {self.unit}")
        return found


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day(partition: Partition) -> date:
    if isinstance(partition, str):
        raise ValueError(f"{partition!r} is no date")
    return partition


@dataclass(frozen=True)
class Daily(Grid):
    """UTC days."""

    column: ClassVar[str] = "event_date"
    unit: ClassVar[str] = "day"

    def of(self, moment: Column) -> Column:
        """Its date."""
        return F.to_date(moment)

    def at(self, moment: datetime) -> date:
        """Its date."""
        return moment.astimezone(UTC).date()

    def span(self, partition: Partition) -> Span:
        """A day."""
        return _start(_day(partition)), _start(_day(partition)) + _DAY

    def dagster(self, first: date, days_ahead: int) -> TimeWindowPartitionsDefinition:
        """Daily."""
        from dagster import DailyPartitionsDefinition

        return DailyPartitionsDefinition(start_date=str(first), timezone="UTC", end_offset=1 + days_ahead)

    def literal(self, partition: Partition) -> str:
        """A date."""
        return f"DATE'{partition}'"


@dataclass(frozen=True)
class Weekly(Daily):
    """Weeks from Monday, UTC; a partition is its Monday."""

    column: ClassVar[str] = "event_week"
    unit: ClassVar[str] = "week"

    def of(self, moment: Column) -> Column:
        """Its Monday."""
        return F.to_date(F.date_trunc("week", moment))

    def at(self, moment: datetime) -> date:
        """Its Monday."""
        day = super().at(moment)
        return day - day.weekday() * _DAY

    def span(self, partition: Partition) -> Span:
        """Seven days."""
        first = _start(_day(partition))
        return first, first + 7 * _DAY

    def dagster(self, first: date, days_ahead: int) -> TimeWindowPartitionsDefinition:
        """Weekly, from Monday."""
        from dagster import WeeklyPartitionsDefinition

        start = str(self.at(_start(first)))
        return WeeklyPartitionsDefinition(start_date=start, timezone="UTC", day_offset=1, end_offset=1)


@dataclass(frozen=True)
class Monthly(Daily):
    """Calendar months, UTC; a partition is its first day."""

    column: ClassVar[str] = "event_month"
    unit: ClassVar[str] = "month"

    def of(self, moment: Column) -> Column:
        """Its first day."""
        return F.to_date(F.date_trunc("month", moment))

    def at(self, moment: datetime) -> date:
        """Its first day."""
        return super().at(moment).replace(day=1)

    def span(self, partition: Partition) -> Span:
        """A month."""
        first = _start(_day(partition))
        return first, (first + 31 * _DAY).replace(day=1)

    def dagster(self, first: date, days_ahead: int) -> TimeWindowPartitionsDefinition:
        """Monthly."""
        from dagster import MonthlyPartitionsDefinition

        return MonthlyPartitionsDefinition(start_date=str(first.replace(day=1)), timezone="UTC", end_offset=1)


@dataclass(frozen=True)
class Hourly(Grid):
    """UTC hours; a partition is a text such as `2017-03-01-05:00`."""

    column: ClassVar[str] = "event_hour"
    dtype: ClassVar[DataType] = StringType()
    unit: ClassVar[str] = "hour"

    def of(self, moment: Column) -> Column:
        """In Dagster's form."""
        return F.date_format(moment, "yyyy-MM-dd-HH:00")

    def at(self, moment: datetime) -> str:
        """In Dagster's form."""
        return moment.astimezone(UTC).strftime(_HOUR)

    def span(self, partition: Partition) -> Span:
        """An hour."""
        first = datetime.strptime(str(partition), _HOUR).replace(tzinfo=UTC)
        return first, first + timedelta(hours=1)

    def dagster(self, first: date, days_ahead: int) -> TimeWindowPartitionsDefinition:
        """Hourly."""
        from dagster import HourlyPartitionsDefinition

        return HourlyPartitionsDefinition(start_date=f"{first}-00:00", timezone="UTC", end_offset=24 * (1 + days_ahead))

    def literal(self, partition: Partition) -> str:
        """A text."""
        return f"'{partition}'"

    def shown(self) -> Column:
        """As it is."""
        return F.col(self.column)


@dataclass(frozen=True)
class Unparted(Grid):
    """One partition, `WHOLE`."""

    column: ClassVar[str] = ""
    unit: ClassVar[str] = "table"

    def of(self, moment: Column) -> Column:
        """Always the same."""
        return F.lit(WHOLE)

    def at(self, moment: datetime) -> str:
        """Always the same."""
        return WHOLE

    def span(self, partition: Partition) -> Span:
        """All of the time."""
        return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    def dagster(self, first: date, days_ahead: int) -> None:
        """No partitions."""
        return

    def shown(self) -> Column:
        """Always the same."""
        return F.lit(WHOLE)

    def literal(self, partition: Partition) -> str:
        """A text; there is no column to compare it with."""
        return f"'{partition}'"

    def key(self, partition: Partition) -> None:
        """Dagster parts nothing."""
        return

    def where(self, partitions: Iterable[Partition], alias: str = "") -> str:
        """All, or nothing."""
        return "TRUE" if [*partitions] else "FALSE"

    def between(self, first: Partition, last: Partition) -> Iterator[Partition]:
        """The only one."""
        yield WHOLE


HOURLY, DAILY, WEEKLY, MONTHLY, UNPARTED = Hourly(), Daily(), Weekly(), Monthly(), Unparted()
GRIDS: Final[Sequence[Grid]] = (HOURLY, DAILY, WEEKLY, MONTHLY, UNPARTED)
PARTITION_COLUMNS: Final = frozenset(column for grid in GRIDS for column in grid.columns)
