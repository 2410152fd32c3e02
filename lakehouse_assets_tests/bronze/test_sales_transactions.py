"""Retail transactions as landed: which topic, and on which day a record lies."""

from __future__ import annotations

import json
from datetime import date

import pytest

from lakehouse_assets.bronze.sales_transactions import table
from lakehouse_assets.silver import sales_transactions as silver
from lakehouse_assets.testing import bronze_rows
from lakehouse_assets_tests.engine.lab import sale

SENT = date(2000, 1, 1)
"""Kafka's timestamp in `testing`: the day of a record that has no time of its own."""


@pytest.mark.services
def test_a_record_lies_on_the_utc_day_of_the_tills_own_time(spark):
    """A zone moves it over midnight. Where its time cannot be read, it lies on the day it was sent."""
    undated = json.loads(sale(6))
    del undated["Date"]
    records = [
        (sale(1, date="2017-03-01T23:59:59Z"), date(2017, 3, 1)),
        (sale(2, date="2017-03-01T23:30:00-05:00"), date(2017, 3, 2)),
        (sale(3, date="2017-03-01T00:30:00+01:00"), date(2017, 2, 28)),
        (sale(4, date="2017-03-01"), date(2017, 3, 1)),
        (sale(5, date="03/01/2017"), SENT),
        (json.dumps(undated).encode(), SENT),
        (sale(7, date="2017-02-30"), SENT),
        (b"\xff not json", SENT),
        (b"", SENT),
    ]
    landed = bronze_rows(silver.table, spark, [value for value, _ in records]).orderBy("offset").collect()

    assert [row["event_date"] for row in landed] == [day for _, day in records]
    assert [bytes(row["value"]) for row in landed] == [value for value, _ in records]


def test_it_is_fed_by_the_topic_that_the_tills_write_and_feeds_silver():
    assert table.topic == "sales.transactions"
    assert table.key == "bronze/sales/transactions"
    assert silver.table.source is table
