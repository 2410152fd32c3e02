"""The product list as dropped: which files are taken, and on which day their rows lie."""

from __future__ import annotations

import json
from datetime import date

import pytest

from lakehouse_assets.bronze.sales_products import table
from lakehouse_assets.engine.sources.csv_rows import parse
from lakehouse_assets.silver import sales_products as silver
from lakehouse_assets.testing import bronze_rows

HEADER = b"ProductNo,ProductName,Department,Brand\n"


def test_a_row_is_kept_as_it_was_dropped_with_columns_that_nobody_asked_for():
    """As text, each cell under the name in the header, in whatever order the columns come."""
    found = parse(b'Brand,ProductNo,Shelf,ProductName,Department\nNational,0042,3,"Milk, 2%",\n', table.required)

    assert [json.loads(row.value) for row in found.rows] == [
        {"Brand": "National", "ProductNo": "0042", "Shelf": "3", "ProductName": "Milk, 2%", "Department": ""}
    ]


@pytest.mark.parametrize("missing", ["ProductNo", "ProductName", "Department", "Brand"])
def test_a_file_without_one_of_its_columns_is_no_product_list(missing):
    """It is set aside whole, and the reason names the column."""
    found = parse(HEADER.replace(missing.encode(), b"Other") + b"1,Milk,DAIRY,National\n", table.required)

    assert not found.rows
    assert missing in found.fault


@pytest.mark.services
def test_a_row_lies_on_the_day_its_file_was_dropped(spark):
    """Whatever dates the list itself holds; `testing` drops on 1 January 2000."""
    (row,) = bronze_rows(silver.table, spark, [{"ProductNo": "1", "Date": "2017-03-01"}]).collect()

    assert row["event_date"] == date(2000, 1, 1)


def test_lists_are_looked_for_where_the_shop_drops_them():
    """A list that is a week old is stale; silver reads this table."""
    assert table.prefix == "landing/sales/products/"
    assert table.freshness_hours == 168
    assert silver.table.source is table
