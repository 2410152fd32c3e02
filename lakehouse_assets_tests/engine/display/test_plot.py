"""Plots: the right days and sums, drawn small, with the touched days standing out."""

from __future__ import annotations

import io
from datetime import date, timedelta
from types import SimpleNamespace

import matplotlib.image
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse_assets.engine.display import plot
from lakehouse_assets.engine.grids import DAILY
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.local_lake import LocalLake

MARCH_1 = date(2017, 3, 1)
DAYS = [MARCH_1 + timedelta(days=number) for number in range(120)]
STRONG = (0x1F, 0x5F, 0xA8)


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    """Two rows a day, of number and number + 1, for 120 days; then one more day."""
    lake = LocalLake(load(home=tmp_path), tmp_path)
    twice = [day for day in DAYS for _ in range(2)]
    amounts = [float(number + extra) for number in range(len(DAYS)) for extra in (0, 1)]
    rows = pa.table({"event_date": pa.array(twice, pa.date32()), "Amount": amounts})
    write_deltalake(lake.uri("t"), rows, partition_by=["event_date"])
    one = pa.table({"event_date": pa.array([DAYS[-1] + timedelta(days=1)], pa.date32()), "Amount": [1.0]})
    write_deltalake(lake.uri("t"), one, mode="append")
    return lake


def test_a_measure_is_summed_by_day_over_the_last_days_of_the_version(lake):
    """Also where a table has more than one row a day; a newer commit is not looked at."""
    totals = plot.totals(lake, SimpleNamespace(key="t", measure="Amount", grid=DAILY), 0, DAYS[-1])

    assert totals == {day: 2.0 * number + 1 for number, day in enumerate(DAYS) if number >= 30}


def test_a_touched_day_that_lies_further_back_is_still_shown():
    """The window then ends with it."""
    assert plot.window(DAILY, DAYS, DAYS[31]) == (DAYS[30], DAYS[-1])
    assert plot.window(DAILY, DAYS, DAYS[29]) == (DAYS[29] - timedelta(days=89), DAYS[29])
    assert plot.window(DAILY, [], MARCH_1)[1] == MARCH_1


def strong_dots(image: bytes) -> int:
    dots = (matplotlib.image.imread(io.BytesIO(image))[:, :, :3] * 255).round()
    return int((dots == STRONG).all(axis=2).sum())


def test_the_picture_is_small_and_the_touched_days_stand_out():
    """The more days are touched, the more of it is dark."""
    totals = {day: 12_345.6 for day in DAYS[:90]}

    none, one, many = (plot.png(DAILY, "Revenue by day", "in USD", totals, days) for days in ([], DAYS[:1], DAYS[:40]))

    assert strong_dots(none) < strong_dots(one) < strong_dots(many)
    assert max(map(len, (none, one, many))) < plot.MOST_BYTES
    assert matplotlib.image.imread(io.BytesIO(one)).shape[:2] == (260, 800)


def test_one_day_alone_can_be_drawn():
    """As after the first batch."""
    assert plot.markdown(DAILY, plot.png(DAILY, "Revenue", "", {MARCH_1: -3.0}, {MARCH_1})).startswith(
        "![last 90 days](data:image/png"
    )


def test_numbers_on_the_axis_are_short():
    """So that they fit in its margin, whatever the measure."""
    shown = [plot.short(value) for value in (0, 0.25, 999, 12_500, -2_000_000, 3e9)]

    assert shown == ["0", "0.25", "999", "12.5 k", "-2 M", "3 G"]
