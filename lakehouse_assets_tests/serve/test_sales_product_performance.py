"""Each product's days with its name, in three engines and in plain Python."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from lakehouse_assets.engine.display import reading
from lakehouse_assets.errors import ContractError
from lakehouse_assets.serve.sales_product_performance import table as view
from lakehouse_assets_tests.serve.engines import by_delta_rs, by_duckdb, by_spark, lake_of

SOLD, PRODUCTS = "gold/sales/product_performance", "silver/sales/products"
DAY = date(2017, 3, 1)


def product_days(seed=5):
    chance = random.Random(seed)
    for day in range(10):
        for number in chance.sample(range(30), 12):
            sales, cancelled = Decimal(chance.randint(0, 10**5)) / 100, -Decimal(chance.randint(0, 500)) / 100
            yield {
                "event_date": DAY + timedelta(days=day),
                "ProductNo": str(number),
                "revenue": sales + cancelled,
                "sales": sales,
                "cancelled": cancelled,
                "units": chance.randint(-2, 9),
                "lines": chance.randint(1, 9),
                "transactions": chance.randint(0, 9),
            }


def named(number):
    return {"ProductNo": str(number), "ProductName": f"n {number}", "Department": f"D{number}", "Brand": None}


ROWS = list(product_days())
NAMES = [named(number) for number in range(20)]


def expected(rows, names):
    """Plain Python: the product's name, 'unknown' where nothing is known."""
    newest = {row["ProductNo"]: row for row in names}
    looked_up = ("ProductName", "Department", "Brand")
    shown = []
    for row in rows:
        known = newest.get(row["ProductNo"], {})
        shown.append(
            {name: row[name] for name in ("event_date", "ProductNo")}
            | {name: known.get(name) or "unknown" for name in looked_up}
            | {name: row[name] for name in ("revenue", "sales", "cancelled", "units", "lines", "transactions")}
        )
    return sorted(shown, key=repr)


def test_delta_rs_and_duckdb_agree_with_plain_python(tmp_path):
    """A name counts for every day; a product without one is 'unknown', none is left out or doubled."""
    lake = lake_of(tmp_path, view, {SOLD: ROWS, PRODUCTS: NAMES})

    assert expected(ROWS, NAMES) == by_delta_rs(lake, view) == by_duckdb(lake, view)
    assert reading.examine(lake, view).rows == len(ROWS)


@pytest.mark.services
def test_spark_agrees_too(tmp_path, spark):
    lake = lake_of(tmp_path, view, {SOLD: ROWS, PRODUCTS: NAMES})

    assert by_spark(lake, view, spark) == expected(ROWS, NAMES)


def test_without_a_products_table_every_name_is_unknown(tmp_path):
    lake = lake_of(tmp_path, view, {SOLD: ROWS})

    assert by_delta_rs(lake, view) == expected(ROWS, [])


def test_two_names_of_a_product_are_caught_because_they_double_a_row(tmp_path):
    """A dimension holds none; a view over one that did is refused by its grain."""
    lake = lake_of(tmp_path, view, {SOLD: ROWS, PRODUCTS: [*NAMES, NAMES[-1]]})

    with pytest.raises(ContractError, match="the grain"):
        reading.examine(lake, view)
