"""What each known customer is worth, in three engines and in plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from lakehouse_assets.engine.display import reading
from lakehouse_assets.serve.sales_customer_value import table as view
from lakehouse_assets_tests.serve.engines import by_delta_rs, by_duckdb, by_spark, lake_of

CUSTOMER_DAYS = "gold/sales/customer_days"


def customer_days(seed=3, customers=40, days=30):
    """Random daily partials; some customers have cancellations only."""
    chance = random.Random(seed)
    for number in range(customers):
        for day in sorted(chance.sample(range(days), chance.randint(1, 12))):
            at = date(2017, 2, 15) + timedelta(days=day)
            orders = chance.choice([0, 1, 1, 2]) if number % 5 else 0
            seconds = chance.randrange(86_400)
            yield {
                "event_date": at,
                "CustomerNo": number,
                "orders": orders,
                "revenue": Decimal(chance.randint(-500, 10**6)) / 100,
                "last_purchase": datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(seconds=seconds)
                if orders
                else None,
                "lines": orders + 1,
            }


ROWS = list(customer_days())


def expected(rows):
    """Plain Python: one row per customer."""
    by_customer = defaultdict(list)
    for row in rows:
        by_customer[row["CustomerNo"]].append(row)
    return sorted((_value(number, days) for number, days in by_customer.items()), key=repr)


def _value(number, days):
    bought = [day for day in days if day["orders"]]
    return {
        "CustomerNo": number,
        "last_purchase": max((day["last_purchase"] for day in bought), default=None),
        "orders": sum(day["orders"] for day in days),
        "revenue": sum(day["revenue"] for day in days),
        "first_purchase_day": min((day["event_date"] for day in bought), default=None),
    }


def test_delta_rs_and_duckdb_agree_with_plain_python(tmp_path):
    """Partials of days combine to each customer's value; without an order there is no first or last purchase."""
    lake = lake_of(tmp_path, view, {CUSTOMER_DAYS: ROWS})

    assert expected(ROWS) == by_delta_rs(lake, view) == by_duckdb(lake, view)
    assert None in {row["first_purchase_day"] for row in expected(ROWS)}
    assert reading.examine(lake, view).rows == len(expected(ROWS))


@pytest.mark.services
def test_spark_agrees_too(tmp_path, spark):
    lake = lake_of(tmp_path, view, {CUSTOMER_DAYS: ROWS})

    assert by_spark(lake, view, spark) == expected(ROWS)


def test_a_view_over_a_table_that_does_not_exist_yet_is_empty(tmp_path):
    lake = lake_of(tmp_path, view, {})

    assert by_delta_rs(lake, view) == []
    assert reading.examine(lake, view).rows == 0


def test_conditions_and_limits_are_on_the_views_columns(tmp_path):
    lake = lake_of(tmp_path, view, {CUSTOMER_DAYS: ROWS})
    wanted = sum(row["orders"] > 5 for row in expected(ROWS))

    assert 1 < wanted == reading.read_view(lake, view, where="orders > 5").num_rows
    assert reading.read_view(lake, view, where="orders > 5", limit=1).num_rows == 1
