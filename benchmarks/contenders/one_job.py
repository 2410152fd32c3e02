"""One plain Spark job that rebuilds days of silver: read, transform, check, deduplicate, replace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import SparkSession

from benchmarks.contenders.jobs import medallion
from benchmarks.contenders.jobs.tables import Tables
from benchmarks.contenders.jobs.writers import SparkWriter
from benchmarks.harness.site import Feed
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.spark import fit
from lakehouse_assets.settings import Settings

ONE_JOB_PREFIX = "one-job/"


def rebuild(spark: SparkSession, settings: Settings, feed: Feed, days: Sequence[date], rows: int) -> None:
    """Silver of all these days from the bronze of ours, into a table of its own."""
    tables = Tables(Lake(settings), ONE_JOB_PREFIX, feed.domain)
    tables.create(spark)
    fit(spark, rows)
    where = medallion.where(days)
    landed = spark.read.format("delta").load(tables.lake.uri(feed.key("bronze"), "s3a")).where(where)
    SparkWriter(tables, feed.domain).replace("silver", medallion.winners(medallion.judged(landed)), where)
