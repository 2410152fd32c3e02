"""What each product brought in by day."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lakehouse_assets.gold.sales_product_performance import table
from lakehouse_assets.testing import check_answers
from lakehouse_assets_tests.gold.sold import MARCH_1, MARCH_2, line


@pytest.mark.services
def test_each_product_has_one_row_a_day(spark):
    """Cancellations are taken off, a receipt counts once however many lines, other days and products stay apart."""
    check_answers(
        table,
        spark,
        source=[
            line("1", "milk", "2.50", Quantity=2),
            line("2", "milk", "1.25"),
            line("C1", "milk", "-2.50", Quantity=-2),
            line("1", "bread", "3.00"),
            line("3", "milk", "9.99", day=MARCH_2),
            line("C9", "eggs", "-1.00", Quantity=-1),
        ],
        rows=[
            product(MARCH_1, "milk", sales="3.75", cancelled="-2.50", units=1, lines=3, transactions=2),
            product(MARCH_1, "bread", sales="3.00", cancelled="0.00", units=1, lines=1, transactions=1),
            product(MARCH_1, "eggs", sales="0.00", cancelled="-1.00", units=-1, lines=1, transactions=0),
            product(MARCH_2, "milk", sales="9.99", cancelled="0.00", units=1, lines=1, transactions=1),
        ],
    )


def product(day, number, *, sales, cancelled, **counts):
    money = {"sales": Decimal(sales), "cancelled": Decimal(cancelled), "revenue": Decimal(sales) + Decimal(cancelled)}
    return {"event_date": day, "ProductNo": number} | money | counts
