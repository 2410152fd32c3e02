"""The tables of one domain of another contender: where they lie, made with the same properties as ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import SparkSession

from benchmarks.contenders.jobs import medallion
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.writing.delta import Target


@dataclass(frozen=True)
class Tables:
    """Below one prefix."""

    lake: Lake
    prefix: str
    domain: str

    def key(self, name: str) -> str:
        """Of a layer, or of an answer."""
        if name in medallion.ANSWERS:
            return f"{self.prefix}gold/{self.domain}/{name}"
        layer, end = ("silver", "_quarantine") if name == "quarantine" else (name, "")
        return f"{self.prefix}{layer}/{self.domain}/transactions{end}"

    def uri(self, name: str, scheme: str = "s3a") -> str:
        """Where it lies."""
        return self.lake.uri(self.key(name), scheme)

    def rows(self, name: str, days: Sequence[date]) -> int:
        """How many rows days of it hold, by the log's statistics."""
        return self.lake.rows_in(self.key(name), days)

    def exist(self) -> bool:
        """Whether they have been made."""
        return self.lake.version(self.key("silver")) >= 0

    def create(self, spark: SparkSession) -> None:
        """Makes what is not there."""
        for name, schema in medallion.schemas(spark).items():
            made = Target(spark, self.lake, self.key(name))
            made.create(schema, by=[medallion.DAY], append_only=name == "bronze")
