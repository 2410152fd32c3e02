"""The sensor in the running daemon carries every record to gold, once, also when a run is killed."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable, QueryBuilder

from lakehouse_assets.definitions import TABLES
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.orchestration import backfills
from lakehouse_assets.engine.sources import landing
from lakehouse_assets.silver.sales_products import table as products
from lakehouse_assets_tests.faults.site import Site, until

pytestmark = pytest.mark.services

ROWS = 2000
MID_RUN_SECONDS = 7.0


def test_records_reach_gold_by_the_sensor_alone(site: Site):
    site.send(ROWS)
    site.assert_consistent()


@pytest.mark.slow
def test_a_run_killed_in_the_middle_loses_and_doubles_nothing(site: Site):
    known = set(site.runs())
    site.send(ROWS)
    site.kill_next_run(known, MID_RUN_SECONDS)
    site.assert_consistent()


@pytest.mark.slow
def test_a_backfill_is_one_run_through_silver_and_gold(site: Site):
    """Started as `lakehouse backfill` does; each day of every table is committed by it, and nothing changed."""
    lake = Lake(site.settings)
    tables = [table for table in TABLES if table.key == "silver/sales/transactions" or table.layer == "gold"]
    days = sorted(lake.days("silver/sales/transactions"))[:2]

    started = backfills.launch(site.settings, dict.fromkeys(tables, days))
    done = until(lambda: ended(site, started), 180, "the backfill to end", poll_seconds=1.0)

    assert (done.succeeded, len(done.runs)) == (True, 1)
    for table in tables:
        assert backfills.rebuilt(lake, table, done.runs) == {*days}
    site.assert_consistent()


def ended(site: Site, backfill_id: str) -> backfills.Progress | None:
    now = backfills.progress(site.settings, backfill_id)
    return now if now.ended else None


@pytest.mark.slow
def test_a_dropped_file_reaches_silver_by_the_sensor_alone(site: Site):
    """Beside the topic's records, and without holding them up; Dagster shows the day."""
    lines = ["ProductNo,ProductName,Department,Brand", "1,MILK,GROCERY,National", "2,PAN,GROCERY,Private", ""]
    landing.put(site.settings, products.source.prefix, "few.csv", "\n".join(lines).encode())
    site.send(10)
    site.assert_consistent()

    read = DeltaTable(f"s3://{site.settings.bucket}/{products.key}", storage_options=site.storage_options)
    found = QueryBuilder().register("t", read).execute('SELECT "ProductNo" AS number FROM t').read_all()
    assert sorted(found.column("number").to_pylist()) == ["1", "2"]
