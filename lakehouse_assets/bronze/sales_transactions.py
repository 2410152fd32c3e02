"""Retail transactions as landed.

Grain: one row per Kafka record. Source: topic `sales.transactions`. Owner: sales-data.
"""

from __future__ import annotations

from pyspark.sql import Column

from lakehouse_assets.engine.kinds import KafkaTable
from lakehouse_assets.engine.payload import json_timestamp


def event_time() -> Column:
    """The till's own time, `Date` in the payload."""
    return json_timestamp("Date")


table = KafkaTable(
    key="bronze/sales/transactions",
    owner="team:sales-data",
    description="Retail transactions as landed from Kafka: one row per record, value kept as bytes.",
    topic="sales.transactions",
    event_time=event_time,
    freshness_hours=24,
)
