"""What each product brought in by day.

Grain: one row per UTC day and product. Source: `silver/sales/transactions`. Owner: sales-analytics. Product names are
not stored, as they change: they are looked up when the table is read (`serve/sales/product_performance`).
"""

from __future__ import annotations

import pyspark.sql.functions as F
import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame

from lakehouse_assets.engine.kinds import AnswerTable
from lakehouse_assets.silver import sales_transactions as silver

MONEY = T.DecimalType(28, 2)


class ProductPerformance(DataFrameModel):
    """What a product brought in on a day."""

    event_date: T.DateType = Field(description="UTC day")
    ProductNo: T.StringType = Field(description="Product sold")
    revenue: MONEY = Field(description="Sum of line totals in USD, cancellations taken off")  # type: ignore[valid-type]
    sales: MONEY = Field(description="Line totals of sales in USD")  # type: ignore[valid-type]
    cancelled: MONEY = Field(le=0, description="Line totals of cancellations in USD")  # type: ignore[valid-type]
    units: T.LongType = Field(description="Units sold less units taken back")
    lines: T.LongType = Field(ge=1, description="Rows, cancellations included")
    transactions: T.LongType = Field(ge=0, description="Receipts that are no cancellations")


def transform(transactions: DataFrame) -> DataFrame:
    """Some days of transactions to each product's day."""
    cancelled = F.col("is_cancellation")
    return transactions.groupBy("event_date", "ProductNo").agg(
        F.sum("Price").alias("revenue"),
        F.sum(F.when(~cancelled, F.col("Price")).otherwise(0)).alias("sales"),
        F.sum(F.when(cancelled, F.col("Price")).otherwise(0)).alias("cancelled"),
        F.sum("Quantity").alias("units"),
        F.count("*").alias("lines"),
        F.countDistinct(F.when(~cancelled, F.col("TransactionNo"))).alias("transactions"),
    )


table = AnswerTable(
    key="gold/sales/product_performance",
    owner="team:sales-analytics",
    description="Revenue, units, lines and receipts of each product by day.",
    source=silver.table,
    schema=ProductPerformance,
    transform=transform,
    grain=("ProductNo",),
    plot="revenue",
    freshness_hours=24,
)
