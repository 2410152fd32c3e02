"""Grids: every moment lies in one partition, and Dagster, Spark and Python mean the same one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyspark.sql.functions as F
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.engine.grids import DAILY, GRIDS, HOURLY, MONTHLY, UNPARTED, WEEKLY, WHOLE, ordered, partition
from lakehouse_assets.engine.kinds import Upstream

PARTED = [grid for grid in GRIDS if grid != UNPARTED]
MOMENTS = st.datetimes(datetime(1999, 12, 30), datetime(2033, 1, 3), timezones=st.just(UTC))
NOON = datetime(2017, 3, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize("grid", PARTED, ids=lambda grid: grid.unit)
@given(moment=MOMENTS)
def test_a_moment_lies_in_its_partition_and_in_no_other(grid, moment):
    part = grid.at(moment)
    first, last = grid.span(part)

    assert first <= moment < last
    assert grid.at(first) == part
    assert grid.next(part) == grid.at(last) != part
    assert grid.parse(str(part)) == partition(str(part)) == part


@pytest.mark.parametrize("grid", PARTED, ids=lambda grid: grid.unit)
@given(moment=MOMENTS, steps=st.integers(0, 40))
def test_partitions_follow_each_other_without_a_gap(grid, moment, steps):
    first = last = grid.at(moment)
    for _ in range(steps):
        last = grid.next(last)
    found = [*grid.between(first, last)]

    assert len(found) == steps + 1
    assert found == ordered(found)
    assert [*grid.within((grid.span(first)[0], grid.span(last)[1]))] == found


@pytest.mark.parametrize(
    ("grid", "key"),
    [(HOURLY, "2017-03-01-12:00"), (DAILY, "2017-03-01"), (WEEKLY, "2017-02-27"), (MONTHLY, "2017-03-01")],
)
def test_keys_are_dagsters_own(grid, key):
    """Of a definition that begins long before and reaches to today."""
    keys = grid.dagster(date(2017, 1, 1), 1).get_partition_keys(current_time=datetime(2017, 6, 1, tzinfo=UTC))

    assert str(grid.at(NOON)) == grid.key(grid.at(NOON)) == key
    assert key in keys
    assert keys == [str(part) for part in grid.between(partition(keys[0]), partition(keys[-1]))]


@pytest.mark.parametrize("text", ["2017-03-02", "2017-02-30", "yesterday", "", "2017-03-01-12:30"])
def test_what_is_no_partition_is_refused(text):
    """A day that begins no week or month, and what is no time at all."""
    for grid in (WEEKLY, MONTHLY, HOURLY):
        with pytest.raises(ValueError, match=r"."):
            grid.parse(text)


def test_a_table_that_is_not_parted_has_one_partition():
    assert UNPARTED.at(NOON) == WHOLE
    assert (UNPARTED.where([WHOLE]), UNPARTED.where([])) == ("TRUE", "FALSE")
    assert UNPARTED.key(WHOLE) is UNPARTED.dagster(date(2017, 1, 1), 1) is None


@pytest.mark.services
def test_spark_means_the_same_partition(spark):
    """Also about the ends of days, months and years, and before 1970."""
    moments = [
        NOON,
        *(datetime(year, 1, 1, tzinfo=UTC) + timedelta(seconds=s) for year in (1969, 2017) for s in (-1, 0)),
    ]
    rows = spark.createDataFrame([(moment,) for moment in moments], "moment timestamp")
    columns = {grid.unit: grid.of(F.col("moment")) for grid in GRIDS}
    found = rows.select(*(column.alias(name) for name, column in columns.items())).collect()

    expected = [tuple(grid.at(moment) for grid in GRIDS) for moment in moments]
    assert [tuple(row) for row in found] == expected


class Held:
    """A table of a grid, as an upstream asks for it."""

    def __init__(self, grid):
        self.grid = grid


@pytest.mark.parametrize("above", PARTED, ids=lambda grid: grid.unit)
@pytest.mark.parametrize("own", PARTED, ids=lambda grid: grid.unit)
@settings(max_examples=20)
@given(moment=MOMENTS, days=st.integers(0, 9))
def test_what_touches_a_partition_is_what_it_needs(own, above, moment, days):
    """The two directions of one relation, between any two grids and with any look-back."""
    upstream, part = Upstream(Held(above), back=timedelta(days=days)), above.at(moment)
    touched = [*upstream.touched(own, part, ())]

    assert touched
    for each in touched:
        assert above.literal(part) in upstream.needed(own, [each])
    outside = own.at(own.span(touched[0])[0] - timedelta(microseconds=1)), own.next(touched[-1])
    for each in outside:
        assert above.literal(part) not in upstream.needed(own, [each])
