"""One answer is refused for a while beside live traffic: all else goes on, and it catches up once it is accepted."""

from __future__ import annotations

import os
import sys
import time

import pyarrow as pa
import pytest
from confluent_kafka import Producer
from deltalake import DeltaTable, QueryBuilder
from typer.testing import CliRunner

from lakehouse_assets.access import kafka
from lakehouse_assets.cli import app
from lakehouse_assets.definitions import TABLES
from lakehouse_assets.engine.history import holds
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.orchestration import backfills
from lakehouse_assets.engine.orchestration.progress import waiting
from lakehouse_assets_tests.engine.lab import EVENT_TIME_MS, sale
from lakehouse_assets_tests.faults.site import TOPIC, Site, until
from lakehouse_assets_tests.faults.test_live_rebuild import ended
from lakehouse_assets_tests.faults.traffic import flowing, sampled

pytestmark = [pytest.mark.services, pytest.mark.slow]

HELD_SECONDS = float(os.environ.get("LAKEHOUSE_TESTS_HELD_SECONDS", "600"))
EVENTS_A_SECOND = 50
EVERY = 3
RULE = "cancelled: less_than_or_equal_to(0)"
HELD = ("gold/sales/daily_revenue", "gold/sales/product_performance")
GOING_ON = ("bronze/sales/transactions", "silver/sales/transactions", "gold/sales/customer_days")
LOOKS = 6


@pytest.mark.timeout(HELD_SECONDS + 1800)
def test_what_lives_beside_a_refused_answer_goes_on(site: Site):
    """Positions grow while two answers stand still; afterwards they equal what a rebuild makes of them."""
    site.lines = sampled(EVERY)
    site.send(3000)
    site.wait_caught_up()
    with flowing(site, EVENTS_A_SECOND, EVERY):
        _send(site, sale("C900001", price=5.0, Quantity=-1))  # a cancellation that costs something
        until(lambda: {*HELD} <= holds.read(site.settings).keys(), 240, "both answers to be held")
        looks = [_look(site)]
        for _ in range(LOOKS):
            time.sleep(HELD_SECONDS / LOOKS)
            looks.append(_look(site))
    for line in (*looks, *waiting(site.settings, TABLES)):
        sys.stdout.write(f"\n{line}")
    assert all(looks[-1][key] > looks[0][key] for key in GOING_ON)
    assert all(each[key] == looks[0][key] for each in looks for key in HELD)

    _accept()
    site.wait_caught_up()
    assert not holds.read(site.settings).keys() & {*HELD}
    _equal_to_a_rebuild(site)


def _accept() -> None:
    """As a user does, in a session of its own: Spark closes one that nobody used for an hour."""
    for key in HELD:
        done = CliRunner().invoke(app, ["accept", key, "--rule", RULE])
        assert done.exit_code == 0, done.output


def _send(site: Site, record: bytes) -> None:
    producer = Producer(kafka.client(site.settings))
    producer.produce(TOPIC, record, timestamp=EVENT_TIME_MS)
    assert producer.flush(20) == 0


def _look(site: Site) -> dict[str, int]:
    """How many offsets each table holds."""
    ledgers = {key: Lake(site.settings).ledger(key) for key in (*GOING_ON, *HELD)}
    return {key: sum(map(len, each.position.slices())) for key, each in ledgers.items()}


def _equal_to_a_rebuild(site: Site) -> None:
    tables = [table for table in TABLES if table.key in HELD]
    before = {table.key: _rows(site, table.key) for table in tables}
    _accept()
    days = sorted(Lake(site.settings).days(HELD[0]))
    assert ended(site, backfills.launch(site.settings, dict.fromkeys(tables, days))).succeeded
    assert {table.key: _rows(site, table.key) for table in tables} == before


def _rows(site: Site, key: str) -> list[str]:
    table = DeltaTable(f"s3://{site.settings.bucket}/{key}", storage_options=site.storage_options)
    found = pa.table(QueryBuilder().register("t", table).execute("SELECT * FROM t").read_all())
    return sorted(map(repr, found.to_pylist()))
