"""Which days are compacted: by the log alone, number and size of their files."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse_assets.engine.upkeep.compaction import DayFiles, crowded
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.local_lake import LocalLake

KEY = "silver/sales/transactions"
FIRST, SECOND = date(2017, 1, 1), date(2017, 1, 2)


def write(lake: LocalLake, day: date, times: int, partitioned: bool = True) -> None:
    rows = pa.table({"event_date": pa.array([day], pa.date32()), "n": [0]})
    by_day = ["event_date"] if partitioned else None
    for _ in range(times):
        write_deltalake(lake.uri(KEY), rows, mode="append", partition_by=by_day)


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    return LocalLake(Settings(compact_min_files=3), tmp_path)


def test_a_day_with_enough_small_files_is_crowded(lake):
    """The other days are left alone."""
    write(lake, FIRST, 2)
    write(lake, SECOND, 3)

    (found,) = crowded(lake, KEY, lake.settings)
    assert (found.day, found.files) == (SECOND, 3)
    assert found.size_bytes > 0


def test_large_files_are_no_crowd(lake):
    write(lake, FIRST, 3)

    assert crowded(lake, KEY, Settings(compact_min_files=3, compact_small_mb=1e-5)) == ()


def test_a_table_without_days_is_one_crowd(lake):
    """As bronze's quarantine is."""
    write(lake, FIRST, 2, partitioned=False)
    write(lake, SECOND, 2, partitioned=False)

    (found,) = crowded(lake, KEY, lake.settings)
    assert found == DayFiles(None, 4, found.size_bytes)


def test_a_table_that_does_not_exist_has_no_crowd(lake):
    assert crowded(lake, "no/such/table", lake.settings) == ()
