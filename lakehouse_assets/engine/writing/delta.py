"""Reading and writing Delta tables through Spark: what to read, three ways to write, each one atomic commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Slice, predicate
from lakehouse_assets.engine.writing import deduplication
from lakehouse_assets.engine.writing.deduplication import Precedence
from lakehouse_assets.engine.writing.drift import JOINED, LET_GO, Change
from lakehouse_assets.errors import SupersededError

WRITE_TRIES = 3
_PROPERTIES = {
    "delta.isolationLevel": "Serializable",
    "delta.enableExpiredLogCleanup": "false",
    "delta.checkpointInterval": "10",
}
"""Only maintenance cleans the log, after restating. No in-commit timestamps: delta-rs can write as well."""
_CONF = "spark.databricks.delta"
_CONFLICTS = ("DELTA_CONCURRENT", "DELTA_METADATA_CHANGED", "DELTA_PROTOCOL_CHANGED")


@dataclass(frozen=True)
class Transaction:
    """Delta's guard against a batch that was already written: a later version of the same id is required."""

    app_id: str
    version: int


@dataclass(frozen=True)
class Target:
    """A table to write to."""

    spark: SparkSession
    lake: Lake
    key: str

    @property
    def sql(self) -> str:
        """The table's name in SQL."""
        return f"delta.`{self.lake.uri(self.key, 's3a')}`"

    def said(self, statement: Statement) -> str:
        """What a commit to it says."""
        return self.lake.said(self.key, statement)

    @property
    def parted_by(self) -> list[str]:
        """The columns that its folders are parted by."""
        table = self.lake.open(self.key)
        return table.metadata().partition_columns if table else []

    def exists(self) -> bool:
        """Whether the table has been created."""
        return self.lake.version(self.key) >= 0

    def create(self, schema: StructType, *, by: Sequence[str], append_only: bool = False) -> None:
        """Creates the table where there is none, parted `by` columns."""
        if self.exists():
            return
        retention = {"delta.logRetentionDuration": f"interval {self.lake.settings.log_retention_days} days"}
        properties = _PROPERTIES | retention | ({"delta.appendOnly": "true"} if append_only else {})
        shown = ", ".join(f"'{name}' = '{value}'" for name, value in properties.items())
        parted = f"PARTITIONED BY ({', '.join(by)})" if by else ""
        with by_whoever_comes_first():
            self.spark.sql(
                f"CREATE TABLE IF NOT EXISTS {self.sql} ({ddl(schema)}) USING delta {parted} TBLPROPERTIES ({shown})"
            )
        if not self.exists():
            self._create_anew(schema, properties, by)

    def _create_anew(self, schema: StructType, properties: Mapping[str, str], by: Sequence[str]) -> None:
        """Creates a table that Spark remembers though it was deleted: its SQL then believes that it exists."""
        marks = {
            each.name: each.metadata if each.metadata.get("comment") in (JOINED, LET_GO) else {} for each in schema
        }
        fields = [StructField(each.name, each.dataType, metadata=marks[each.name]) for each in schema]
        nothing = self.spark.createDataFrame([], StructType(fields))
        writer = nothing.write.format("delta").mode("append").partitionBy(*by).options(**properties)
        writer.save(self.lake.uri(self.key, "s3a"))

    def alter(self, change: Change, said: Statement, transaction: Transaction) -> None:
        """Brings the columns to what rows need; a wider type rewrites the table, once, for every reader to read it.

        The rewriting takes the transaction: another batch's commit is never overwritten. Look at the schema afterwards.
        """
        if len(change.added):
            self.spark.sql(f"ALTER TABLE {self.sql} ADD COLUMNS ({ddl(change.added)})").collect()
        for name in change.let_go:
            self.spark.sql(f"ALTER TABLE {self.sql} ALTER COLUMN `{name}` COMMENT '{LET_GO}'").collect()
        if change.widened:
            uri = self.lake.uri(self.key, "s3a")
            options = {"userMetadata": self.said(said), "overwriteSchema": "true"} | _options(transaction)
            rows = self.spark.read.format("delta").load(uri)
            wider = rows.withColumns({name: F.col(name).cast(wanted) for name, wanted in change.widened.items()})
            wider.write.format("delta").mode("overwrite").partitionBy(*self.parted_by).options(**options).save(uri)


def ddl(schema: StructType) -> str:
    """The columns of a CREATE TABLE; of comments only what marks a column that the source brought."""
    return ", ".join(_column(field) for field in schema.fields)


def _column(field: StructField) -> str:
    comment = field.metadata.get("comment")
    marked = f" COMMENT '{comment}'" if comment in (JOINED, LET_GO) else ""
    return f"`{field.name}` {_type(field.dataType)}{marked}"


def _type(kind: DataType) -> str:
    """A type in SQL, whatever its fields are called."""
    if isinstance(kind, StructType):
        return f"struct<{', '.join(f'`{each.name}`: {_type(each.dataType)}' for each in kind)}>"
    if isinstance(kind, MapType):
        return f"map<{_type(kind.keyType)}, {_type(kind.valueType)}>"
    return f"array<{_type(kind.elementType)}>" if isinstance(kind, ArrayType) else kind.simpleString()


def read(
    spark: SparkSession,
    lake: Lake,
    key: str,
    *,
    where: str = "",
    slices: Iterable[Slice] | None = None,
    version: int | None = None,
) -> DataFrame:
    """A table, lazily: all of it, or pruned by a condition, to coordinates, or as of a version."""
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    rows = reader.load(lake.uri(key, "s3a"))
    if where:
        rows = rows.where(where)
    if slices is not None:
        rows = rows.where(predicate(slices))
    return rows


def append(
    target: Target,
    rows: DataFrame,
    slices: Sequence[Slice],
    where: str,
    statement: Statement,
    transaction: Transaction | None,
) -> None:
    """Inserts the rows whose coordinate the table lacks; looks only at files that can hold these slices.

    `where` prunes the table `t`: the rows of an increment lie in the partitions that it states; those of a repair may
    have been filed in others before.
    """
    rows.createOrReplaceTempView("batch")
    with _committing(target.spark, target.said(statement), transaction):
        target.spark.sql(
            f"MERGE INTO {target.sql} t USING batch s"
            " ON t.topic_id = s.topic_id AND t.`partition` = s.`partition` AND t.`offset` = s.`offset`"
            f" AND {predicate(slices, 't')} AND {where} WHEN NOT MATCHED THEN INSERT *"
        ).collect()


def merge(
    target: Target,
    winners: DataFrame,
    grain: Sequence[str],
    where: str,
    precedence: Precedence,
    statement: Statement,
    transaction: Transaction | None,
) -> None:
    """Brings in one row per grain: one coordinate wins, every other one joins its losers; `where` prunes `t`."""
    winners.createOrReplaceTempView("batch")
    same_grain = " AND ".join(f"t.`{name}` = s.`{name}`" for name in grain)
    columns = [name for name in winners.columns if name != deduplication.LOSERS]
    taken_over = ", ".join(f"t.`{name}` = s.`{name}`" for name in columns)
    with _committing(target.spark, target.said(statement), transaction):
        target.spark.sql(
            f"MERGE INTO {target.sql} t USING batch s ON {where} AND {same_grain}"
            f" WHEN MATCHED AND {precedence.wins('s', 't')} THEN UPDATE SET {taken_over},"
            f" t.losers = {precedence.losers('s', 't')}"
            f" WHEN MATCHED THEN UPDATE SET t.losers = {precedence.losers('t', 's')}"
            " WHEN NOT MATCHED THEN INSERT *"
        ).collect()


def replace(
    target: Target,
    rows: DataFrame,
    where: str,
    statement: Statement,
    transaction: Transaction | None = None,
    *,
    by: Sequence[str] = (),
    new_columns: bool = False,
) -> None:
    """Puts `rows` in the place of those that meet `where`; a row outside of it is refused by Delta.

    The rows are brought together `by` columns first, or each task would write a file of its own for each partition; a
    MERGE does so by itself. With `new_columns` the table gets those that it lacks.
    """
    options = {"replaceWhere": where, "userMetadata": target.said(statement), "mergeSchema": str(new_columns).lower()}
    options |= _options(transaction)
    gathered = rows.hint("rebalance", *by)
    gathered.write.format("delta").mode("overwrite").options(**options).save(target.lake.uri(target.key, "s3a"))


def state(target: Target, statement: Statement, transaction: Transaction) -> None:
    """A commit without rows, only to say something."""
    nothing = target.spark.read.format("delta").load(target.lake.uri(target.key, "s3a")).where(F.lit(False))
    options = {"userMetadata": target.said(statement)} | _options(transaction)
    nothing.write.format("delta").mode("append").options(**options).save(target.lake.uri(target.key, "s3a"))


def execute(spark: SparkSession, sql: str, statement: Statement, transaction: Transaction) -> None:
    """One DML statement, with what its commit says."""
    with _committing(spark, statement.to_json(), transaction):
        spark.sql(sql).collect()


def _options(transaction: Transaction | None) -> dict[str, str]:
    if transaction is None:
        return {}
    return {"txnAppId": transaction.app_id, "txnVersion": str(transaction.version)}


@contextmanager
def _committing(spark: SparkSession, said: str, transaction: Transaction | None) -> Iterator[None]:
    """Delta takes a DML statement's metadata and transaction from the session."""
    metadata = {f"{_CONF}.commitInfo.userMetadata": said}
    guarded = {f"{_CONF}.write.{name}": value for name, value in _options(transaction).items()}
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


@contextmanager
def by_whoever_comes_first() -> Iterator[None]:
    """For what any writer may do: whoever comes second finds it done."""
    try:
        yield
    except PySparkException as error:
        if not is_conflict(error):
            raise


def is_conflict(error: Exception) -> bool:
    """Whether Delta refused a commit because another one came first."""
    return any(name in str(error) for name in _CONFLICTS)


def past_compaction(write: Callable[[], None], may_repeat: Callable[[], bool], key: str) -> None:
    """Writes again when a compaction moved rows between files meanwhile: they are the same rows, so the plan holds.

    `may_repeat` says whether nothing but maintenance has been committed since the plan.

    Raises:
        SupersededError: another commit came first, or compactions kept coming.
    """
    for last in (False,) * (WRITE_TRIES - 1) + (True,):
        try:
            write()
        except PySparkException as error:
            if not is_conflict(error):
                raise
            if last or not may_repeat():
                raise superseded(key) from error
        else:
            break


def superseded(key: str) -> SupersededError:
    """What a plan is told that lost to another commit."""
    return SupersededError(
        "another commit came between plan and commit",
        where=key,
        do="Nothing is lost or doubled; the next batch is planned from the table's ledger",
    )
