"""Retail transactions, typed and deduplicated.

Grain: one row per transaction, product and day. Source: `bronze/sales/transactions`. Owner: sales-data.
"""

from __future__ import annotations

from typing import ClassVar

import pyspark.sql.functions as F
import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame

from lakehouse_assets.bronze import sales_transactions as bronze
from lakehouse_assets.engine.kinds import EventTable
from lakehouse_assets.engine.payload import parse_json
from lakehouse_assets.engine.rules import RowRule

MOST_USD = 1_000_000
"""A line beyond it is a till gone wrong, or prices of another currency: nothing is published until somebody looked."""

PAYLOAD = {
    "TransactionNo": T.StringType(),
    "Date": T.TimestampType(),
    "ProductNo": T.StringType(),
    "ProductName": T.StringType(),
    "Price": T.DecimalType(18, 2),
    "Quantity": T.IntegerType(),
    "CustomerNo": T.LongType(),
    "Country": T.StringType(),
}


class Transaction(DataFrameModel):
    """One product on one receipt, or its cancellation."""

    TransactionNo: T.StringType = Field(str_matches=r"C?\d+$", description="Receipt; starts with C when cancelled")
    event_time: T.TimestampType = Field(description="When it happened, UTC")
    ProductNo: T.StringType = Field(description="Product sold")
    ProductName: T.StringType = Field(nullable=True, description="Name at the till; 'unknown' without a reference")
    Price: T.DecimalType(18, 2) = Field(  # type: ignore[valid-type]
        ge=-MOST_USD,
        le=MOST_USD,
        description="Line total in USD; negative in cancellations",
        metadata={"severity": {"ge": "fail", "le": "fail"}},
    )
    Quantity: T.IntegerType = Field(description="Units; 0 is valid, negative in cancellations")
    CustomerNo: T.LongType = Field(nullable=True, description="Household, where known", metadata={"personal": True})
    Country: T.StringType = Field(description="Country of the shop")
    is_cancellation: T.BooleanType = Field(description="Takes back an earlier sale")

    class Config:
        """What holds between the fields of a line."""

        metadata: ClassVar = {
            "rules": (
                RowRule("a cancellation costs nothing", "NOT is_cancellation OR Price <= 0", severity="warn"),
                RowRule("a sale takes nothing back", "is_cancellation OR Quantity >= 0", severity="warn"),
            )
        }


def transform(records: DataFrame) -> DataFrame:
    """Bronze records to typed transactions."""
    typed = parse_json(records, PAYLOAD, columns={"Date": "event_time"})
    return typed.withColumn("is_cancellation", F.col("TransactionNo").startswith("C"))


table = EventTable(
    key="silver/sales/transactions",
    owner="team:sales-data",
    description="Retail transactions, one row per transaction, product and day; cancellations marked.",
    source=bronze.table,
    schema=Transaction,
    grain=("TransactionNo", "ProductNo"),
    transform=transform,
    freshness_hours=24,
)
