"""Reading a few rows of a table in this process, by delta-rs, to hand them to Spark by value."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.lake import Lake, schema_of
from lakehouse_assets.engine.history.position import Slice, predicate
from lakehouse_assets.engine.writing import small_files

MOST_ROWS: Final = 100_000
MOST_BYTES: Final = 16 * 2**20


def read(
    spark: SparkSession,
    lake: Lake,
    key: str,
    where: str,
    slices: Iterable[Slice] | None,
    version: int | None,
    parts: Collection[Partition] | None = None,
) -> DataFrame | None:
    """A table, pruned; None where it is more than a Spark server takes by value.

    `parts` are the partitions that the condition names, where it names nothing else.
    """
    table = lake.open_at(key, version)
    if table is None:
        return None
    conditions = [where or "TRUE", *([] if slices is None else [predicate(slices)])]
    condition = " AND ".join(f"({each})" for each in conditions)

    def rows() -> pa.Table | None:
        found = None if parts is None or slices is not None else small_files.rows(lake, key, table, pa.array([*parts]))
        return _rows(table, condition) if found is None else _bounded(found)

    found = lake.once((key, table.version(), condition), rows)
    return None if found is None else _frame(spark, found, schema_of(table))


def _bounded(found: pa.Table) -> pa.Table | None:
    return found if found.num_rows <= MOST_ROWS and found.nbytes <= MOST_BYTES else None


def _rows(table: DeltaTable, where: str) -> pa.Table | None:
    reader = pa.RecordBatchReader.from_stream(
        QueryBuilder().register("t", table).execute(f"SELECT * FROM t WHERE {where} LIMIT {MOST_ROWS + 1}")
    )
    batches, rows, size = [], 0, 0
    for batch in reader:
        batches.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows > MOST_ROWS or size > MOST_BYTES:
            return None
    return pa.Table.from_batches(batches, reader.schema)


def _frame(spark: SparkSession, rows: pa.Table, schema: StructType) -> DataFrame:
    wanted = to_arrow_schema(schema, timezone="UTC")
    return spark.createDataFrame(rows.select(wanted.names).cast(wanted), schema)
