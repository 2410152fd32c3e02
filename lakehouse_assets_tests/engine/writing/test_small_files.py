"""Partitions that lie in small files are read file by file, each once, to what a query over the table says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.fs import DeltaStorageHandler

from lakehouse_assets.engine.history.looks import Files
from lakehouse_assets.engine.writing import small_files
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.local_lake import LocalLake

DAYS = [date(2017, 3, 1) + timedelta(days=number) for number in range(small_files.FEWEST + 4)]


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    return LocalLake(load(home=tmp_path), tmp_path)


def rows(days: Sequence[date], **more: Any) -> pa.Table:
    count = len(days)
    columns = {
        "event_date": pa.array(days, pa.date32()),
        "number": pa.array(range(count), pa.int64()),
        "at": pa.array([datetime(2017, 3, 1, 10, tzinfo=UTC)] * count, pa.timestamp("us", "UTC")),
        "losers": pa.array([[{"offset": 1}]] * count, pa.list_(pa.struct([("offset", pa.int64())]))),
    }
    return pa.table(columns | {name: [value] * count for name, value in more.items()})


def written(lake: LocalLake, found: pa.Table, **options: Any) -> DeltaTable:
    given = {"mode": "append", "partition_by": ["event_date"], "schema_mode": "merge"}
    write_deltalake(lake.uri("t"), found, **given | options)
    return DeltaTable(lake.uri("t"))


def read(lake: LocalLake, table: DeltaTable, days: Sequence[date]) -> pa.Table | None:
    return small_files.rows(lake, "t", table, pa.array(days, pa.date32()))


def asked(table: DeltaTable, days: Sequence[date]) -> list[dict[str, Any]]:
    named = ", ".join(f"DATE '{day}'" for day in days)
    query = f"SELECT * FROM t WHERE event_date IN ({named})"
    return in_order(pa.table(QueryBuilder().register("t", table).execute(query).read_all()))


def in_order(found: pa.Table) -> list[dict[str, Any]]:
    return sorted(found.to_pylist(), key=repr)


def test_the_rows_are_those_of_a_query_also_of_files_that_are_older_than_a_column(lake):
    written(lake, rows(DAYS))
    table = written(lake, rows(DAYS[1:], colour="red"))

    found = read(lake, table, DAYS[:-1])

    assert found is not None
    assert in_order(found) == asked(table, DAYS[:-1])
    assert found.schema.equals(pa.schema(table.schema().to_arrow()))


def test_rows_that_were_replaced_are_not_read(lake):
    written(lake, rows(DAYS))
    table = written(lake, rows(DAYS[:5], colour="blue"), mode="overwrite", predicate=f"event_date <= DATE '{DAYS[4]}'")

    found = read(lake, table, DAYS)

    assert found is not None
    assert in_order(found) == asked(table, DAYS)
    assert Counter(found["colour"].to_pylist()) == {"blue": 5, None: len(DAYS) - 5}


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr(small_files, "FEWEST", len(DAYS) + 1),
        lambda patch: patch.setattr(small_files, "MOST_FILE_BYTES", 100),
        lambda patch: patch.setattr(small_files, "MOST_BYTES", 1000),
    ],
)
def test_few_large_or_altogether_large_files_are_left_to_a_query(lake, monkeypatch, change):
    table = written(lake, rows(DAYS))
    change(monkeypatch)

    assert read(lake, table, DAYS) is None


def test_a_table_that_is_not_parted_or_whose_protocol_asks_for_more_is_left_to_a_query(lake):
    whole = written(lake, rows(DAYS), partition_by=None)
    assert read(lake, whole, DAYS) is None

    folder = Path(lake.uri("t"), "_delta_log")
    first = folder / f"{0:020}.json"
    text = first.read_text().replace('"partitionColumns":[]', '"partitionColumns":["event_date"]')
    asks = '"minReaderVersion":{},"minWriterVersion":{}'
    first.write_text(text.replace(asks.format(1, 2), asks.format(2, 5)))
    assert read(lake, DeltaTable(lake.uri("t")), DAYS) is None


def test_each_file_is_fetched_once_however_often_it_is_read(lake, monkeypatch):
    """Also at another version of the table, which has files of its own beside."""
    fetched, known = list[str](), Files()
    opened = DeltaStorageHandler.open_input_file
    monkeypatch.setattr(LocalLake, "file", lambda _self, key, path, read: known.of((key, path), read))
    monkeypatch.setattr(
        DeltaStorageHandler, "open_input_file", lambda self, path: fetched.append(path) or opened(self, path)
    )
    first = written(lake, rows(DAYS))
    read(lake, first, DAYS)
    second = written(lake, rows(DAYS[:2]))

    found = read(lake, second, DAYS)

    assert in_order(found) == asked(second, DAYS)
    root = lake.uri("t")
    assert sorted(fetched) == sorted(Path(each).relative_to(root).as_posix() for each in second.file_uris())


def test_what_is_kept_of_files_is_bounded(monkeypatch):
    monkeypatch.setattr("lakehouse_assets.engine.history.looks._MOST_BYTES", 2_000)
    files, reads = Files(), list[int]()

    def number(each: int) -> pa.Table:
        return files.of(("t", str(each)), lambda: reads.append(each) or pa.table({"n": list(range(100))}))

    for each in (1, 2, 1, 2, 3, 4, 5, 1):
        number(each)

    assert reads == [1, 2, 3, 4, 5, 1]
    assert files._bytes <= 3 * 800
