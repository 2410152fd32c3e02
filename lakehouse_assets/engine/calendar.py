"""The calendar: when a record may be dated, as Dagster's partitions and as a Spark condition."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyspark.sql.functions as F
from pyspark.sql import Column

from lakehouse_assets.engine.contracts import without_nulls
from lakehouse_assets.engine.grids import Grid
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import TimeWindowPartitionsDefinition


def partitions(settings: Settings, grid: Grid, first: date) -> TimeWindowPartitionsDefinition | None:
    """From a first day to the last one a record may be dated; None for a table that is not parted."""
    return grid.dagster(first, settings.calendar_days_ahead)


def last_day(settings: Settings, now: datetime) -> date:
    """The last day a record may be dated at this time."""
    return now.astimezone(UTC).date() + timedelta(days=settings.calendar_days_ahead)


def outside(settings: Settings, day: Column, now: datetime) -> Column:
    """array<string>: why a day lies outside of the calendar; empty inside."""
    first, last = settings.calendar_start, last_day(settings, now)
    return without_nulls(
        [
            F.when(day < F.lit(first), F.lit(f"event_date: before the calendar's first day {first}")),
            F.when(day > F.lit(last), F.lit(f"event_date: after the calendar's last day {last}")),
        ]
    )
