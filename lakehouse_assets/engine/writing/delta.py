"""Delta tables as something to read and to write to: their names, how they are made, and how their columns change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import pyspark.sql.functions as F
from deltalake import DeltaTable, Schema
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Slice, predicate
from lakehouse_assets.engine.writing import near_reading
from lakehouse_assets.engine.writing.conflicts import by_whoever_comes_first, superseded
from lakehouse_assets.engine.writing.drift import JOINED, LET_GO, Change

_PROPERTIES = {
    "delta.isolationLevel": "Serializable",
    "delta.enableExpiredLogCleanup": "false",
    "delta.checkpointInterval": "10",
}
"""Only maintenance cleans the log, after restating. No in-commit timestamps: delta-rs can write as well."""


@dataclass(frozen=True)
class Transaction:
    """Delta's guard against a batch that was already written: a later version of the same id is required."""

    app_id: str
    version: int

    @property
    def options(self) -> dict[str, str]:
        """As Spark's writer takes it."""
        return {"txnAppId": self.app_id, "txnVersion": str(self.version)}


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

    def open(self) -> DeltaTable:
        """It at its newest version.

        Raises:
            SupersededError: it is gone.
            UnavailableError: the store does not answer.
        """
        found = self.lake.newly(self.key).open(self.key)
        if found is None:
            raise superseded(self.key)
        return found

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
        return self.lake.newly(self.key).version(self.key) >= 0

    def create(self, schema: StructType, *, by: Sequence[str], append_only: bool = False) -> None:
        """Creates the table where there is none, parted `by` columns; any of them may be null."""
        if self.exists():
            return
        retention = {"delta.logRetentionDuration": f"interval {self.lake.settings.log_retention_days} days"}
        with by_whoever_comes_first():
            DeltaTable.create(
                self.lake.uri(self.key),
                Schema.from_json(held(schema).json()),
                mode="ignore",
                partition_by=[*by],
                configuration=_PROPERTIES | retention | ({"delta.appendOnly": "true"} if append_only else {}),
                storage_options=self.lake.storage_options(),
            )

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
            options = {"userMetadata": self.said(said), "overwriteSchema": "true"} | transaction.options
            rows = self.spark.read.format("delta").load(uri)
            wider = rows.withColumns({name: F.col(name).cast(wanted) for name, wanted in change.widened.items()})
            wider.write.format("delta").mode("overwrite").partitionBy(*self.parted_by).options(**options).save(uri)


def held(schema: StructType) -> StructType:
    """As a table holds it: nullable, and of comments only what marks a column that the source brought."""
    marks = {each.name: {"comment": _marked(each)} if _marked(each) else {} for each in schema}
    return StructType([StructField(each.name, _nullable(each.dataType), metadata=marks[each.name]) for each in schema])


def _marked(field: StructField) -> str:
    comment = field.metadata.get("comment", "")
    return comment if comment in (JOINED, LET_GO) else ""


def _nullable(kind: DataType) -> DataType:
    if isinstance(kind, StructType):
        return held(kind)
    if isinstance(kind, ArrayType):
        return ArrayType(_nullable(kind.elementType))
    if isinstance(kind, MapType):
        return MapType(kind.keyType, _nullable(kind.valueType))
    return kind


def ddl(schema: StructType) -> str:
    """The columns of an ALTER TABLE, as a table holds them."""
    return ", ".join(_column(field) for field in schema.fields)


def _column(field: StructField) -> str:
    marked = f" COMMENT '{_marked(field)}'" if _marked(field) else ""
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
    parts: Collection[Partition] | None = None,
    slices: Iterable[Slice] | None = None,
    version: int | None = None,
    few: bool = False,
) -> DataFrame:
    """A table: all of it, or pruned by a condition, to coordinates, or as of a version.

    Read lazily by Spark; of what should be `few` rows, and is, by this process now. `parts` are the partitions that the
    condition names, where it names nothing else.
    """
    if few and (found := near_reading.read(spark, lake, key, where, slices, version, parts)) is not None:
        return found
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    rows = reader.load(lake.uri(key, "s3a"))
    if where:
        rows = rows.where(where)
    if slices is not None:
        rows = rows.where(predicate(slices))
    return rows
