"""Revenue by day."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lakehouse_assets.gold.sales_daily_revenue import table
from lakehouse_assets.testing import check_answers
from lakehouse_assets_tests.gold.sold import MARCH_1, MARCH_2, line

pytestmark = pytest.mark.services


def test_each_day_has_one_row(spark):
    """The price is the line's total, however many units; a receipt and a customer count once, a cancellation is neither
    a sale nor a receipt, and nobody is no customer."""
    check_answers(
        table,
        spark,
        source=[
            line("1", "milk", "2.50", Quantity=3),
            line("1", "bread", "1.25"),
            line("2", "milk", "0.00", Quantity=0, CustomerNo=8),
            line("3", "eggs", "4.00", CustomerNo=None),
            line("C1", "milk", "-2.50", Quantity=-3),
            line("C9", "milk", "-9.00", day=MARCH_2, Quantity=-1, CustomerNo=9),
        ],
        rows=[
            day(
                MARCH_1, sales="7.75", cancelled="-2.50", revenue="5.25", transactions=3, lines=5, units=2, customers=2
            ),
            day(
                MARCH_2,
                sales="0.00",
                cancelled="-9.00",
                revenue="-9.00",
                transactions=0,
                lines=1,
                units=-1,
                customers=1,
            ),
        ],
    )


def day(at, *, sales, cancelled, revenue, **counts):
    money = {"sales": Decimal(sales), "cancelled": Decimal(cancelled), "revenue": Decimal(revenue)}
    return {"event_date": at} | money | counts


def test_a_cent_is_a_cent_in_sums_beyond_what_a_float_holds(spark):
    """Ten lines of 999,999,999,999,999.99 USD."""
    sold = [line(str(number), "milk", "999999999999999.99", CustomerNo=number) for number in range(10)]
    check_answers(table, spark, source=sold, rows=[{"event_date": MARCH_1, "revenue": Decimal("9999999999999999.90")}])


def test_money_taken_back_that_is_more_than_nothing_is_refused(spark):
    """A cancellation with a price above 0 makes the day's `cancelled` positive: that breaks the contract."""
    wrong = line("C1", "milk", "2.50")
    check_answers(table, spark, source=[wrong], refused=["cancelled: less_than_or_equal_to(0)"])
