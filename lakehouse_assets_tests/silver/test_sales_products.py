"""Products, typed, as the newest drop says."""

from __future__ import annotations

import pytest

from lakehouse_assets.silver.sales_products import table
from lakehouse_assets.testing import check_events

pytestmark = pytest.mark.services


def product(number, name="Milk", department="DAIRY", brand="National"):
    """A row of a dropped file: cells are text."""
    return {"ProductNo": number, "ProductName": name, "Department": department, "Brand": brand}


def test_the_newest_row_of_a_product_counts(spark):
    """The last one that was dropped, not the first; a product keeps the zeros before its number."""
    check_events(
        table,
        spark,
        records=[product("1", "old name"), product("007"), product("1", "new name", brand="Private")],
        rows=[
            product("1", "new name", brand="Private"),
            product("007"),
        ],
    )


def test_an_empty_cell_is_null_and_only_a_name_may_be_missing(spark):
    check_events(
        table,
        spark,
        records=[product("1", name=""), product("2", department=""), product("3", brand=""), product("")],
        rows=[product("1", name=None)],
        broken=[["Department: not null"], ["Brand: not null"], ["ProductNo: not null"]],
    )


def test_a_number_that_is_none_and_a_brand_that_nobody_knows_are_set_aside(spark):
    """A later row that is broken does not take the place of an earlier one that is not."""
    check_events(
        table,
        spark,
        records=[product("1"), product("1a"), product("-2"), product("1", brand="national")],
        rows=[product("1")],
        broken=[
            [r"ProductNo: str_matches(\d+$)"],
            [r"ProductNo: str_matches(\d+$)"],
            ["Brand: isin(['National', 'Private'])"],
        ],
    )
