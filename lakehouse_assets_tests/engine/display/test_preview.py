"""Previews: a few rows, none of them about a person."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from lakehouse_assets.bronze import sales_transactions as bronze
from lakehouse_assets.engine.display import preview
from lakehouse_assets.engine.history.commit_log import AddedFile
from lakehouse_assets.silver import sales_transactions as silver

MARCH_1 = date(2017, 3, 1)
SALE = {
    "TransactionNo": "5",
    "event_time": datetime(2017, 3, 1, 9, 30, tzinfo=UTC),
    "ProductNo": "P1",
    "ProductName": "x" * 50,
    "Price": Decimal("1.50"),
    "Quantity": 2,
    "CustomerNo": 987654,
    "Country": None,
    "is_cancellation": False,
    "event_date": MARCH_1,
    "content_hash": "abc",
    "losers": [],
}


def cells(markdown: str) -> list[dict[str, str]]:
    header, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines())
    return [dict(zip([name.replace("\\", "") for name in header], line, strict=True)) for line in lines]


def test_personal_values_are_masked_and_long_ones_shortened():
    """Only business columns are shown; a missing value is an empty cell."""
    [row] = cells(preview.shown(silver.table, [SALE]))

    assert row == {
        "event_date": "2017-03-01",
        "TransactionNo": "5",
        "event_time": "2017-03-01 09:30:00",
        "ProductNo": "P1",
        "ProductName": "x" * 31 + "…",
        "Price": "1.50",
        "Quantity": "2",
        "CustomerNo": preview.MASK,
        "Country": "",
        "is_cancellation": "false",
    }


def test_of_a_record_only_coordinate_and_sizes_are_shown():
    """Neither key, nor value, nor headers: each may hold anything."""
    record = {"event_date": MARCH_1, "topic_id": "T", "partition": 3, "offset": 7, "timestamp": SALE["event_time"]}
    payload = {"key": b"Anna", "value": b'{"name": "Anna"}', "headers": [{"key": "Anna", "value": b"Anna"}]}

    shown = preview.shown(bronze.table, [record | payload, record | {"key": None, "value": None, "headers": None}])

    first, second = cells(shown)
    assert "Anna" not in shown
    assert (first["partition"], first["offset"], first["key bytes"], first["value bytes"]) == ("3", "7", "4", "16")
    assert (first["headers"], second["value bytes"]) == ("1", "")


@pytest.fixture
def storage(tmp_path):
    return SubTreeFileSystem(str(tmp_path), LocalFileSystem())


def written(storage, name: str, quantities: list[int], has_deletions: bool = False) -> AddedFile:
    pq.write_table(pa.table({"Quantity": quantities}), name, filesystem=storage, row_group_size=3)
    return AddedFile(name, MARCH_1, 0, len(quantities), has_deletions)


def test_rows_come_from_as_few_files_as_needed(storage):
    """Ten at most; a file with rows marked as deleted is passed over, one that is not needed is not opened."""
    marked = written(storage, "marked", [99], has_deletions=True)
    files = [
        marked,
        written(storage, "a", [1] * 7),
        written(storage, "b", [2] * 7),
        AddedFile("none", None, 0, 0, False),
    ]

    rows = cells(preview.of_files(silver.table, storage, files) or "")

    assert [row["Quantity"] for row in rows] == ["1"] * 7 + ["2"] * 3
    assert {row["event_date"] for row in rows} == {"2017-03-01"}


def test_nothing_to_show_is_no_preview(storage):
    """An empty commit has none."""
    assert preview.of_files(silver.table, storage, [written(storage, "empty", [])]) is None
