"""Writing Delta tables by Spark: append, merge, replace and state, each one atomic commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Slice, predicate
from lakehouse_assets.engine.writing import deduplication
from lakehouse_assets.engine.writing.deduplication import Precedence
from lakehouse_assets.engine.writing.delta import Target, Transaction

_CONF = "spark.databricks.delta"


@dataclass(frozen=True)
class SparkWriter:
    """The verbs of `writers.Writer`, by Delta's own writer on the Spark server."""

    target: Target

    def append(
        self,
        rows: DataFrame,
        slices: Sequence[Slice],
        where: str,
        statement: Statement,
        transaction: Transaction | None,
    ) -> None:
        """Looks only at files that can hold these slices.

        `where` prunes the table `t`: the rows of an increment lie in the partitions that it states; those of a repair
        may have been filed in others before.
        """
        rows.createOrReplaceTempView("batch")
        with self._committing(statement, transaction):
            self.target.spark.sql(
                f"MERGE INTO {self.target.sql} t USING batch s"
                " ON t.topic_id = s.topic_id AND t.`partition` = s.`partition` AND t.`offset` = s.`offset`"
                f" AND {predicate(slices, 't')} AND {where} WHEN NOT MATCHED THEN INSERT *"
            ).collect()

    def merge(
        self,
        rows: DataFrame,
        grain: Sequence[str],
        where: str,
        precedence: Precedence,
        statement: Statement,
        transaction: Transaction | None,
    ) -> None:
        """By a MERGE; `where` prunes the table `t`."""
        rows.createOrReplaceTempView("batch")
        same_grain = " AND ".join(f"t.`{name}` = s.`{name}`" for name in grain)
        columns = [name for name in rows.columns if name != deduplication.LOSERS]
        taken_over = ", ".join(f"t.`{name}` = s.`{name}`" for name in columns)
        with self._committing(statement, transaction):
            self.target.spark.sql(
                f"MERGE INTO {self.target.sql} t USING batch s ON {where} AND {same_grain}"
                f" WHEN MATCHED AND {precedence.wins('s', 't')} THEN UPDATE SET {taken_over},"
                f" t.losers = {precedence.losers('s', 't')}"
                f" WHEN MATCHED THEN UPDATE SET t.losers = {precedence.losers('t', 's')}"
                " WHEN NOT MATCHED THEN INSERT *"
            ).collect()

    def replace(
        self,
        rows: DataFrame,
        where: str,
        statement: Statement,
        transaction: Transaction | None = None,
        *,
        by: Sequence[str] = (),
        new_columns: bool = False,
    ) -> None:
        """The rows are brought together `by` columns first, or each task would write a file of its own for each
        partition; a MERGE does so by itself."""
        options = {"replaceWhere": where, "mergeSchema": str(new_columns).lower()}
        options |= self._said(statement) | _guarded(transaction)
        gathered = rows.hint("rebalance", *by)
        gathered.write.format("delta").mode("overwrite").options(**options).save(self._uri)

    def state(self, statement: Statement, transaction: Transaction) -> None:
        """By an append of nothing."""
        nothing = self.target.spark.read.format("delta").load(self._uri).where(F.lit(False))
        options = self._said(statement) | transaction.options
        nothing.write.format("delta").mode("append").options(**options).save(self._uri)

    @property
    def _uri(self) -> str:
        return self.target.lake.uri(self.target.key, "s3a")

    def _said(self, statement: Statement) -> dict[str, str]:
        return {"userMetadata": self.target.said(statement)}

    def _committing(self, statement: Statement, transaction: Transaction | None) -> AbstractContextManager[None]:
        return _committing(self.target.spark, self.target.said(statement), transaction)


def execute(spark: SparkSession, sql: str, statement: Statement, transaction: Transaction) -> None:
    """One DML statement, with what its commit says."""
    with _committing(spark, statement.to_json(), transaction):
        spark.sql(sql).collect()


def _guarded(transaction: Transaction | None) -> dict[str, str]:
    return transaction.options if transaction else {}


@contextmanager
def _committing(spark: SparkSession, said: str, transaction: Transaction | None) -> Iterator[None]:
    """Delta takes a DML statement's metadata and transaction from the session."""
    metadata = {f"{_CONF}.commitInfo.userMetadata": said}
    guarded = {f"{_CONF}.write.{name}": value for name, value in _guarded(transaction).items()}
    with configured(spark, metadata | guarded):
        yield


@contextmanager
def configured(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """The session with these settings for a while: set, run, unset."""
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name in settings:
            spark.conf.unset(name)
