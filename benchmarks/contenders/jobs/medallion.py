"""The medallion as a job writes it: the project's own transforms and contract between plain reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql.types import StructType

from lakehouse_assets.bronze import sales_transactions as bronze
from lakehouse_assets.engine import calendar
from lakehouse_assets.engine.writing.audits import REASONS
from lakehouse_assets.engine.writing.verdicts import set_aside, typed_rows
from lakehouse_assets.gold import sales_customer_days, sales_daily_revenue, sales_product_performance
from lakehouse_assets.settings import Settings
from lakehouse_assets.silver import sales_transactions as silver

DAY = "event_date"
COORDINATE = ("topic_id", "partition", "offset")
GRAIN = silver.table.full_grain
ANSWERS = {
    module.table.key.rpartition("/")[2]: module.table
    for module in (sales_daily_revenue, sales_product_performance, sales_customer_days)
}
ANSWERED_FROM = ("TransactionNo", "ProductNo", "Price", "Quantity", "CustomerNo", "event_time", "is_cancellation", DAY)
"""Columns of silver that gold needs."""


@dataclass(frozen=True)
class Seen:
    """What a batch holds."""

    rows: int
    bad: int
    days: tuple[date, ...]


def landed(records: DataFrame, settings: Settings, topic: str) -> DataFrame:
    """Bronze: records of Kafka's source as they came, with their day; those beyond the calendar are left out."""
    moment = F.coalesce(bronze.event_time(), F.col("timestamp"))
    columns = ("partition", "offset", "timestamp", "key", "value", "headers")
    dated = records.select(F.lit(topic).alias("topic_id"), *columns, F.to_date(moment).alias(DAY))
    return dated.where(F.size(calendar.outside(settings, F.col(DAY), datetime.now(UTC))) == 0)


def judged(rows: DataFrame) -> DataFrame:
    """Typed rows of bronze's, with `reasons` where one breaks the contract."""
    return typed_rows(silver.table, [rows])


def seen(typed: DataFrame) -> Seen:
    """Counts a batch in one pass."""
    bad = F.size(REASONS) > 0
    row = typed.agg(
        F.count("*").alias("rows"), F.count_if(bad).alias("bad"), F.collect_set(F.when(~bad, F.col(DAY))).alias("days")
    ).collect()[0]
    return Seen(row["rows"], row["bad"], tuple(sorted(row["days"])))


def winners(typed: DataFrame) -> DataFrame:
    """Silver: of each grain the row with the lowest coordinate."""
    good = typed.where(F.size(REASONS) == 0).select(*silver.table.contract.fields.names, DAY, *COORDINATE)
    first = Window.partitionBy(*GRAIN).orderBy("partition", "offset")
    return good.withColumn("rank", F.row_number().over(first)).where("rank = 1").drop("rank")


def bad_rows(typed: DataFrame) -> DataFrame:
    """The quarantine: what broke the contract, and why."""
    return set_aside(silver.table, typed)


def answer(name: str, sold: DataFrame) -> DataFrame:
    """One of gold's tables, of days of silver."""
    table = ANSWERS[name]
    answers: DataFrame = table.function(sold).select(*table.contract.fields.names)
    return answers


def where(days: Sequence[date]) -> str:
    """SQL that prunes a table to days."""
    return f"{DAY} IN ({', '.join(f'DATE {str(day)!r}' for day in days)})"


def schemas(spark: SparkSession) -> dict[str, StructType]:
    """The columns of each table, by layer or by the name of an answer."""
    nothing = spark.createDataFrame([], bronze.table.readable)
    typed = judged(nothing)
    return {
        "bronze": bronze.table.readable,
        "silver": winners(typed).schema,
        "quarantine": bad_rows(typed).schema,
        **{name: table.contract.fields for name, table in ANSWERS.items()},
    }
