"""What a commit wrote and what its days hold, against tables written by delta-rs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse_assets.engine.grids import WHOLE
from lakehouse_assets.engine.history import commit_log
from lakehouse_assets.engine.history.commit_log import Size
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.local_lake import LocalLake

MARCH_1, MARCH_2 = date(2017, 3, 1), date(2017, 3, 2)


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    return LocalLake(load(home=tmp_path), tmp_path)


def write(lake: LocalLake, days: list[date], **options) -> None:
    rows = pa.table({"event_date": pa.array(days, pa.date32()), "number": range(len(days))})
    write_deltalake(lake.uri("t"), rows, **({"partition_by": ["event_date"], "mode": "append"} | options))


def bytes_on_disk(lake: LocalLake, day: date) -> int:
    return sum(file.stat().st_size for file in Path(lake.uri("t"), f"event_date={day}").glob("*.parquet"))


def test_a_commit_names_its_own_files_only(lake):
    """Not those of the commit before, and each with its day, its bytes on disk and its rows."""
    write(lake, [MARCH_1] * 5)
    write(lake, [MARCH_2] * 2)

    found = commit_log.read(lake, "t", 1)

    [added] = found.added
    assert (added.day, added.rows, added.bytes) == (MARCH_2, 2, bytes_on_disk(lake, MARCH_2))
    assert (found.added_on(MARCH_2), found.added_on(MARCH_1)) == ((added,), ())
    assert (found.removed_files, found.changes_schema, found.metrics["num_added_rows"]) == (0, False, "2")
    assert commit_log.read(lake, "t", 0).changes_schema


def test_days_hold_what_they_held_at_the_version_asked_for(lake):
    """A newer commit does not change what an older one reports."""
    write(lake, [MARCH_1, MARCH_1, MARCH_2])
    before = bytes_on_disk(lake, MARCH_1)
    write(lake, [MARCH_1] * 4)

    total, days = commit_log.sizes(lake, "t", 0)

    assert days[MARCH_1] == Size(files=1, bytes=before, rows=2)
    assert (total.files, total.rows) == (2, 3)
    assert commit_log.sizes(lake, "t", 1)[1][MARCH_1] == Size(2, bytes_on_disk(lake, MARCH_1), 6)


def test_a_table_that_is_not_parted_has_one_partition(lake):
    """All new files stand for any day."""
    write(lake, [MARCH_1, MARCH_2], partition_by=None)

    total, days = commit_log.sizes(lake, "t", 0)

    assert (total.rows, days) == (2, {WHOLE: total})
    assert [file.rows for file in commit_log.read(lake, "t", 0).added_on(MARCH_1)] == [2]


@pytest.mark.parametrize(("parted_by", "days"), [(["event_date"], {}), (None, {WHOLE: Size()})])
def test_an_empty_table_has_no_size(lake, parted_by, days):
    """Nothing is nothing, not an error; what is not parted has its one partition even so."""
    write(lake, [], partition_by=parted_by)

    assert commit_log.sizes(lake, "t", 0) == (Size(), days)


def test_a_file_with_rows_marked_as_deleted_is_told_and_paths_are_decoded():
    """As Spark writes them into the log."""
    line = (
        '{"add":{"path":"event_date=2017-03-01/a%20b.parquet","partitionValues":{"event_date":"2017-03-01"},'
        '"size":7,"deletionVector":{"storageType":"u","cardinality":1}}}'
    )

    [added] = commit_log.parse([line, "", '{"remove":{"path":"x"}}']).added

    assert (added.path, added.has_deletions, added.rows) == ("event_date=2017-03-01/a b.parquet", True, 0)
