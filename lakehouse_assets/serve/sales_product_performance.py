"""What each product brought in by day, with its name.

Grain: one row per UTC day and product. Sources: `gold/sales/product_performance`, and `silver/sales/products` for the
names. Owner: sales-analytics.
"""

from __future__ import annotations

import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.kinds import View
from lakehouse_assets.gold import sales_product_performance as gold
from lakehouse_assets.silver import sales_products as products

MONEY = T.DecimalType(28, 2)


class NamedProductPerformance(DataFrameModel):
    """What a product brought in on a day."""

    event_date: T.DateType = Field(description="UTC day")
    ProductNo: T.StringType = Field(description="Product sold")
    ProductName: T.StringType = Field(description="Newest known name; 'unknown' where there is none")
    Department: T.StringType = Field(description="Newest known department; 'unknown' where there is none")
    Brand: T.StringType = Field(description="Newest known brand; 'unknown' where there is none")
    revenue: MONEY = Field(description="Sum of line totals in USD, cancellations taken off")  # type: ignore[valid-type]
    sales: MONEY = Field(description="Line totals of sales in USD")  # type: ignore[valid-type]
    cancelled: MONEY = Field(description="Line totals of cancellations in USD")  # type: ignore[valid-type]
    units: T.LongType = Field(description="Units sold less units taken back")
    lines: T.LongType = Field(description="Rows, cancellations included")
    transactions: T.LongType = Field(description="Receipts that are no cancellations")


SQL = """
SELECT sold.event_date, sold.ProductNo,
       coalesce(named.ProductName, 'unknown') AS ProductName,
       coalesce(named.Department, 'unknown') AS Department,
       coalesce(named.Brand, 'unknown') AS Brand,
       sold.revenue, sold.sales, sold.cancelled, sold.units, sold.lines, sold.transactions
FROM gold_sales_product_performance AS sold
LEFT JOIN silver_sales_products AS named ON named.ProductNo = sold.ProductNo
"""


table = View(
    key="serve/sales/product_performance",
    owner="team:sales-analytics",
    description="Revenue, units, lines and receipts of each product by day, with its name, department and brand.",
    over=(gold.table, products.table),
    schema=NamedProductPerformance,
    grain=("event_date", "ProductNo"),
    sql=SQL,
)
