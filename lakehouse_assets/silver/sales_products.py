"""Products, typed, as the newest drop says.

Grain: one row per product. Source: `bronze/sales/products`. Owner: sales-data.
"""

from __future__ import annotations

import pyspark.sql.functions as F
import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame

from lakehouse_assets.bronze import sales_products as bronze
from lakehouse_assets.engine.kinds import DimensionTable
from lakehouse_assets.engine.payload import parse_json


class Product(DataFrameModel):
    """One product as the newest drop describes it."""

    ProductNo: T.StringType = Field(str_matches=r"\d+$", description="Product, as in sales")
    ProductName: T.StringType = Field(nullable=True, description="What it is, where the list says so")
    Department: T.StringType = Field(description="Department of the shop")
    Brand: T.StringType = Field(isin=["National", "Private"], description="Whose brand: the maker's or the shop's own")


def transform(records: DataFrame) -> DataFrame:
    """Bronze rows to products; an empty cell is null."""
    cells = parse_json(records, dict.fromkeys(bronze.table.required, T.StringType()))
    return cells.withColumns({name: F.nullif(F.col(name), F.lit("")) for name in bronze.table.required})


table = DimensionTable(
    key="silver/sales/products",
    owner="team:sales-data",
    description="Products, one row per product: what the newest drop says of it.",
    source=bronze.table,
    schema=Product,
    grain=("ProductNo",),
    transform=transform,
    freshness_hours=7 * 24,
)
