"""A position outlives the table's history: it is in the rows."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from lakehouse_assets.bronze.sales_products import table as products
from lakehouse_assets.bronze.sales_transactions import table as bronze
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.history.segments import KEPT
from lakehouse_assets.engine.sources.drop_planning import Dropped, Listing, plan
from lakehouse_assets.engine.sources.file_versions import FileVersion
from lakehouse_assets.settings import Settings
from lakehouse_assets.silver.sales_products import table as silver_products
from lakehouse_assets.silver.sales_transactions import table as silver
from lakehouse_assets_tests.engine.local_lake import LocalLake

_REST = [("offset", pa.int64()), ("content_hash", pa.string())]


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


def stating(lake: LocalLake, position: Position) -> CommitProperties:
    said = lake.said(products.key, Statement("increment", "run", position=position))
    return CommitProperties(custom_metadata={"userMetadata": said})


def test_bronze_counts_its_rows_and_its_quarantine_oldest_topic_first(lake):
    write_deltalake(lake.uri(bronze.key), pa.table(coordinates(("new", 0, 0), year=2024)))
    write_deltalake(
        lake.uri(bronze.key), pa.table(coordinates(("old", 0, 3), ("old", 0, 7), ("old", 1, 2))), mode="append"
    )
    write_deltalake(lake.uri(bronze.quarantine), pa.table(coordinates(("old", 1, 9), year=2021)))
    assert bronze.recovered(lake) == Position({"old": {0: ((3, 8),), 1: ((2, 10),)}, "new": {0: ((0, 1),)}})


def test_silver_counts_the_losers_too(lake):
    write_deltalake(lake.uri(bronze.key), pa.table(coordinates(("t", 0, 0), ("t", 0, 1))))
    losers = pa.array([[{"topic_id": "t", "partition": 0, "offset": 1, "content_hash": "x"}]])
    write_deltalake(lake.uri(silver.key), pa.table(coordinates(("t", 0, 0)) | {"losers": losers}))
    assert silver.recovered(lake) == Position({"t": {0: ((0, 2),)}})


def test_a_table_whose_history_still_states_nothing_from_its_first_version_on_is_simply_new(lake):
    write_deltalake(lake.uri(bronze.key), pa.table(coordinates(("t", 0, 0))))
    assert ledger_of(lake, bronze).position == Position()


def test_a_file_is_known_as_taken_by_its_rows(lake):
    """Also one that was set aside: neither is taken again."""
    good, bad = (FileVersion(datetime(2026, 1, 1, tzinfo=UTC), name, "e") for name in ("good.csv", "bad.csv"))
    write_deltalake(lake.uri(products.key), pa.table(coordinates((good.id, 0, 39), (good.id, 0, 61))))
    write_deltalake(lake.uri(products.quarantine), pa.table(coordinates((bad.id, 0, 0))))
    listing = Listing((Dropped(good, 80), Dropped(bad, 80)), datetime(2026, 1, 2, tzinfo=UTC))
    position = products.recovered(lake)
    assert set(position.topic_ids) == {good.id, bad.id}
    assert plan(listing, position, settle_seconds=1, most_bytes=1000) == ()


def test_a_file_in_silver_was_taken_as_bronze_took_it_and_its_quarantine_claims_nothing(lake):
    """Good rows of a file of which a run left only the bad ones, when it died, are taken again."""
    done, begun = (FileVersion(datetime(2026, 1, 1, tzinfo=UTC), name, "e") for name in ("done.csv", "begun.csv"))
    rows = coordinates((done.id, 0, 39), (done.id, 0, 61), (begun.id, 0, 39), (begun.id, 0, 61))
    taken = Position({each.id: {0: ((0, 80),)} for each in (done, begun)})
    write_deltalake(lake.uri(products.key), pa.table(rows), commit_properties=stating(lake, taken))
    no_losers = pa.array([[]], pa.list_(pa.struct([("topic_id", pa.string()), ("partition", pa.int32()), *_REST])))
    write_deltalake(lake.uri(silver_products.key), pa.table(coordinates((done.id, 0, 39)) | {"losers": no_losers}))
    write_deltalake(lake.uri(silver_products.quarantine), pa.table(coordinates((begun.id, 0, 61))))

    beyond = ledger_of(lake, products).position.since(silver_products.recovered(lake))
    assert beyond == (Slice(begun.id, 0, 0, 80),)


def test_many_files_are_recovered_in_linear_time(lake):
    """And a lost segment leads here: never to the beginning."""
    many = [FileVersion(datetime(2026, 1, 1, tzinfo=UTC), f"{n}.csv", "e").id for n in range(20_000)]
    rows = pa.table(coordinates(*((each, 0, 39) for each in many)))
    taken = Position({each: {0: ((0, 9),)} for each in many})
    write_deltalake(lake.uri(products.key), rows, commit_properties=stating(lake, taken))
    assert ledger_of(lake, products).position == lake.ledger(products.key).position

    KEPT.clear()
    shutil.rmtree(lake.segments(products.key).folder)
    started = time.process_time()
    found = ledger_of(lake, products)

    assert {*found.position.topic_ids} == {*many}
    assert time.process_time() - started < 2.0
