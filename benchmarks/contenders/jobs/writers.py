"""Two writers of the same verbs: Spark itself, and delta-rs from the driver's process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from pyspark.sql import DataFrame

from benchmarks.contenders.jobs.medallion import DAY
from benchmarks.contenders.jobs.tables import Tables


class Writer(Protocol):
    """How rows get into a table."""

    def append(self, name: str, rows: DataFrame, batch: int) -> None:
        """Adds rows, once for each number of a batch."""

    def merge(self, name: str, rows: DataFrame, grain: Sequence[str], where: str) -> None:
        """Adds rows whose grain is not there; `where` prunes the table `t`."""

    def replace(self, name: str, rows: DataFrame, where: str) -> None:
        """Puts rows in the place of those that meet `where`."""


def _on(grain: Sequence[str], where: str) -> str:
    return " AND ".join([f"t.{where}", *(f't."{name}" = s."{name}"' for name in grain)])


def gathered(rows: DataFrame) -> DataFrame:
    """Rows of a day together, or each task would write a file of its own for each day.

    Where plans do not adapt themselves, the hint would do nothing.
    """
    adapts = rows.sparkSession.conf.get("spark.sql.adaptive.enabled") == "true"
    return rows.hint("rebalance", DAY) if adapts else rows.repartition(DAY)


@dataclass(frozen=True)
class SparkWriter:
    """Delta on Spark."""

    tables: Tables
    application: str

    def append(self, name: str, rows: DataFrame, batch: int) -> None:
        """See `Writer`."""
        options = {"txnAppId": self.application, "txnVersion": str(batch)}
        gathered(rows).write.format("delta").mode("append").options(**options).save(self.tables.uri(name))

    def merge(self, name: str, rows: DataFrame, grain: Sequence[str], where: str) -> None:
        """See `Writer`."""
        view = f"batch_{uuid4().hex}"
        rows.createOrReplaceTempView(view)
        on = _on(grain, where).replace('"', "`")
        sql = f"MERGE INTO delta.`{self.tables.uri(name)}` t USING {view} s ON {on} WHEN NOT MATCHED THEN INSERT *"
        rows.sparkSession.sql(sql).collect()
        rows.sparkSession.catalog.dropTempView(view)

    def replace(self, name: str, rows: DataFrame, where: str) -> None:
        """See `Writer`."""
        writer = gathered(rows).write.format("delta").mode("overwrite").option("replaceWhere", where)
        writer.save(self.tables.uri(name))


@dataclass(frozen=True)
class ArrowWriter:
    """delta-rs: rows come to the driver and are committed from there."""

    tables: Tables
    application: str

    def append(self, name: str, rows: DataFrame, batch: int) -> None:
        """See `Writer`."""
        table = self._open(name)
        done = table.transaction_version(self.application)
        if done is not None and done >= batch:
            return
        said = CommitProperties(app_transactions=[Transaction(self.application, batch)])
        write_deltalake(table, _arrow(rows), mode="append", commit_properties=said)

    def merge(self, name: str, rows: DataFrame, grain: Sequence[str], where: str) -> None:
        """See `Writer`."""
        source, on = _arrow(rows), _on(grain, where)
        merger = self._open(name).merge(source, predicate=on, source_alias="s", target_alias="t")
        merger.when_not_matched_insert_all().execute()

    def replace(self, name: str, rows: DataFrame, where: str) -> None:
        """See `Writer`."""
        write_deltalake(self._open(name), _arrow(rows), mode="overwrite", predicate=where)

    def _open(self, name: str) -> DeltaTable:
        return DeltaTable(self.tables.uri(name, "s3"), storage_options=self.tables.lake.storage_options())


def _arrow(rows: DataFrame) -> pa.Table:
    return rows.toArrow()
