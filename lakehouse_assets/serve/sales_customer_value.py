"""What each known customer is worth: last purchase, orders, revenue.

Grain: one row per customer with a number. Source: `gold/sales/customer_days`. Owner: sales-analytics. Holds no clock:
how long ago the last purchase was depends on who asks, and when.
"""

from __future__ import annotations

import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.kinds import View
from lakehouse_assets.gold import sales_customer_days as gold


class CustomerValue(DataFrameModel):
    """A customer's purchases over all days."""

    CustomerNo: T.LongType = Field(description="Household", metadata={"personal": True})
    last_purchase: T.TimestampType = Field(
        nullable=True, description="Newest line that is no cancellation, UTC; null where only cancellations are known"
    )
    orders: T.LongType = Field(description="Receipts that are no cancellations")
    revenue: T.DecimalType(28, 2) = Field(  # type: ignore[valid-type]
        description="Sum of line totals in USD, cancellations taken off"
    )
    first_purchase_day: T.DateType = Field(nullable=True, description="UTC day of the first order; null without one")


SQL = """
SELECT CustomerNo,
       max(last_purchase) AS last_purchase,
       CAST(sum(orders) AS BIGINT) AS orders,
       CAST(sum(revenue) AS DECIMAL(28, 2)) AS revenue,
       min(CASE WHEN orders > 0 THEN event_date END) AS first_purchase_day
FROM gold_sales_customer_days
GROUP BY CustomerNo
"""


table = View(
    key="serve/sales/customer_value",
    owner="team:sales-analytics",
    description="Last purchase, orders, revenue and first day of each known customer.",
    over=(gold.table,),
    schema=CustomerValue,
    grain=("CustomerNo",),
    sql=SQL,
)
