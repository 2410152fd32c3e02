"""Revenue by day.

Grain: one row per UTC day. Source: `silver/sales/transactions`. Owner: sales-analytics.
"""

from __future__ import annotations

import pyspark.sql.functions as F
import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame

from lakehouse_assets.engine.kinds import AnswerTable
from lakehouse_assets.silver import sales_transactions as silver

MONEY = T.DecimalType(28, 2)


class DailyRevenue(DataFrameModel):
    """What a day brought in."""

    event_date: T.DateType = Field(description="UTC day")
    revenue: MONEY = Field(description="Sum of line totals in USD, cancellations taken off")  # type: ignore[valid-type]
    sales: MONEY = Field(description="Line totals of sales in USD")  # type: ignore[valid-type]
    cancelled: MONEY = Field(le=0, description="Line totals of cancellations in USD")  # type: ignore[valid-type]
    transactions: T.LongType = Field(ge=0, description="Receipts that are no cancellations")
    lines: T.LongType = Field(ge=0, description="Rows, cancellations included")
    units: T.LongType = Field(description="Units sold less units taken back")
    customers: T.LongType = Field(ge=0, description="Households known by number")


def transform(transactions: DataFrame) -> DataFrame:
    """Some days of transactions to those days' revenue."""
    cancelled = F.col("is_cancellation")
    return transactions.groupBy("event_date").agg(
        F.sum("Price").alias("revenue"),
        F.sum(F.when(~cancelled, F.col("Price")).otherwise(0)).alias("sales"),
        F.sum(F.when(cancelled, F.col("Price")).otherwise(0)).alias("cancelled"),
        F.countDistinct(F.when(~cancelled, F.col("TransactionNo"))).alias("transactions"),
        F.count("*").alias("lines"),
        F.sum("Quantity").alias("units"),
        F.countDistinct("CustomerNo").alias("customers"),
    )


table = AnswerTable(
    key="gold/sales/daily_revenue",
    owner="team:sales-analytics",
    description="Revenue, receipts, units and customers of each day.",
    source=silver.table,
    schema=DailyRevenue,
    transform=transform,
    plot="revenue",
    freshness_hours=24,
)
