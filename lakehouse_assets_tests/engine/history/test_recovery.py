"""A position outlives the table's history: it is in the rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse_assets.bronze.sales_products import table as products
from lakehouse_assets.bronze.sales_transactions import table as bronze
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.recovery import ledger_of, recovered
from lakehouse_assets.engine.sources.drop_planning import Dropped, Listing, plan
from lakehouse_assets.engine.sources.file_versions import FileVersion
from lakehouse_assets.settings import Settings
from lakehouse_assets.silver.sales_transactions import table as silver
from lakehouse_assets_tests.engine.local_lake import LocalLake


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    return LocalLake(Settings(), tmp_path)


def coordinates(*rows: tuple[str, int, int], year: int = 2020) -> dict:
    topic_ids, partitions, offsets = zip(*rows, strict=True)
    return {
        "topic_id": pa.array(topic_ids),
        "partition": pa.array(partitions, pa.int32()),
        "offset": pa.array(offsets, pa.int64()),
        "timestamp": pa.array([datetime(year, 1, 1, tzinfo=UTC)] * len(rows), pa.timestamp("us", "UTC")),
    }


def test_bronze_counts_its_rows_and_its_quarantine_oldest_topic_first(lake):
    write_deltalake(lake.uri(bronze.key), pa.table(coordinates(("new", 0, 0), year=2024)))
    write_deltalake(
        lake.uri(bronze.key), pa.table(coordinates(("old", 0, 3), ("old", 0, 7), ("old", 1, 2))), mode="append"
    )
    write_deltalake(lake.uri(bronze.quarantine), pa.table(coordinates(("old", 1, 9), year=2021)))
    assert recovered(lake, bronze) == Position({"old": {0: ((3, 8),), 1: ((2, 10),)}, "new": {0: ((0, 1),)}})


def test_silver_counts_the_losers_too(lake):
    write_deltalake(lake.uri(bronze.key), pa.table(coordinates(("t", 0, 0), ("t", 0, 1))))
    losers = pa.array([[{"topic_id": "t", "partition": 0, "offset": 1, "content_hash": "x"}]])
    write_deltalake(lake.uri(silver.key), pa.table(coordinates(("t", 0, 0)) | {"losers": losers}))
    assert recovered(lake, silver) == Position({"t": {0: ((0, 2),)}})


def test_a_table_whose_history_still_states_nothing_from_its_first_version_on_is_simply_new(lake):
    write_deltalake(lake.uri(bronze.key), pa.table(coordinates(("t", 0, 0))))
    assert ledger_of(lake, bronze).position == Position()


def test_a_file_is_known_as_taken_by_its_rows(lake):
    """Also one that was set aside: neither is taken again."""
    good, bad = (FileVersion(datetime(2026, 1, 1, tzinfo=UTC), name, "e") for name in ("good.csv", "bad.csv"))
    write_deltalake(lake.uri(products.key), pa.table(coordinates((good.id, 0, 39), (good.id, 0, 61))))
    write_deltalake(lake.uri(products.quarantine), pa.table(coordinates((bad.id, 0, 0))))
    listing = Listing((Dropped(good, 80), Dropped(bad, 80)), datetime(2026, 1, 2, tzinfo=UTC))
    position = recovered(lake, products)
    assert set(position.topic_ids) == {good.id, bad.id}
    assert plan(listing, position, settle_seconds=1, most_bytes=1000) == ()
