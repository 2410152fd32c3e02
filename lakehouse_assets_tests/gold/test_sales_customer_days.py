"""What each known customer bought by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pyspark.sql.functions as F
import pytest

from lakehouse_assets.errors import ContractError
from lakehouse_assets.gold.sales_customer_days import table
from lakehouse_assets.testing import check_answers
from lakehouse_assets_tests.gold.sold import MARCH_1, MARCH_2, line

pytestmark = pytest.mark.services


def test_each_known_customer_has_one_row_a_day(spark):
    """Cancellations lower the revenue and are no order; lines without a customer are left out."""
    check_answers(
        table,
        spark,
        source=[
            line("1", "milk", "2.50", hour=9),
            line("1", "bread", "1.00", hour=9),
            line("2", "milk", "2.50", hour=11),
            line("C1", "milk", "-2.50", hour=15, Quantity=-1),
            line("3", "milk", "4.00", CustomerNo=None),
            line("C5", "milk", "-4.00", day=MARCH_2, CustomerNo=8, Quantity=-1),
        ],
        rows=[
            customer(MARCH_1, 7, orders=2, revenue="3.50", last=datetime(2017, 3, 1, 11, tzinfo=UTC), lines=4),
            customer(MARCH_2, 8, orders=0, revenue="-4.00", last=None, lines=1),
        ],
    )


def customer(day, number, *, orders, revenue, last, lines):
    last = last and last.astimezone().replace(tzinfo=None)  # as Spark's client gives timestamps: local, without a zone
    return {
        "event_date": day,
        "CustomerNo": number,
        "orders": orders,
        "revenue": Decimal(revenue),
        "last_purchase": last,
        "lines": lines,
    }


def test_an_answer_with_two_rows_for_one_grain_is_refused(spark):
    """A transform that groups by more than the grain says never publishes."""
    finer = replace(
        table, transform=lambda rows: table.transform(rows).withColumn("x", F.explode(F.sequence(F.lit(1), F.lit(2))))
    )

    with pytest.raises(ContractError, match="2017-03-01 breaks 'one row per CustomerNo and event_date'"):
        check_answers(finer, spark, source=[line("1", "milk", "2.50")], rows=[])
