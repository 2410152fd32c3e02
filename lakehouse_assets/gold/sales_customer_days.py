"""What each known customer bought by day: the daily partials of customer value.

Grain: one row per UTC day and customer with a number. Source: `silver/sales/transactions`. Owner: sales-analytics. What
spans days is combined when it is read (`serve/sales/customer_value`).
"""

from __future__ import annotations

import pyspark.sql.functions as F
import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame

from lakehouse_assets.engine.kinds import AnswerTable
from lakehouse_assets.silver import sales_transactions as silver

MONEY = T.DecimalType(28, 2)


class CustomerDay(DataFrameModel):
    """A customer's day."""

    event_date: T.DateType = Field(description="UTC day")
    CustomerNo: T.LongType = Field(description="Household", metadata={"personal": True})
    orders: T.LongType = Field(ge=0, description="Receipts that are no cancellations")
    revenue: MONEY = Field(description="Sum of line totals in USD, cancellations taken off")  # type: ignore[valid-type]
    last_purchase: T.TimestampType = Field(
        nullable=True, description="Newest line that is no cancellation, UTC; null on a day of cancellations only"
    )
    lines: T.LongType = Field(ge=1, description="Rows, cancellations included")


def transform(transactions: DataFrame) -> DataFrame:
    """Some days of transactions to each known customer's day."""
    sold = ~F.col("is_cancellation")
    known = transactions.where(F.col("CustomerNo").isNotNull())
    return known.groupBy("event_date", "CustomerNo").agg(
        F.countDistinct(F.when(sold, F.col("TransactionNo"))).alias("orders"),
        F.sum("Price").alias("revenue"),
        F.max(F.when(sold, F.col("event_time"))).alias("last_purchase"),
        F.count("*").alias("lines"),
    )


table = AnswerTable(
    key="gold/sales/customer_days",
    owner="team:sales-analytics",
    description="Orders, revenue and last purchase of each known customer by day.",
    source=silver.table,
    schema=CustomerDay,
    transform=transform,
    grain=("CustomerNo",),
    plot="orders",
    freshness_hours=24,
)
