"""The same view over the same tables in three engines: delta-rs', DuckDB and Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

from lakehouse_assets.engine.display import reading
from lakehouse_assets.engine.kinds import View
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.local_lake import LocalLake

Row = dict[str, Any]


def lake_of(folder: Path, view: View, rows: Mapping[str, Sequence[Row]]) -> LocalLake:
    """A lake in a folder with the view's sources that `rows` names; each as Delta, partitioned by day."""
    lake = LocalLake(load(home=folder), folder)
    for source in view.over:
        if source.key in rows:
            table = pa.Table.from_pylist(list(rows[source.key]), schema=reading.arrow_schema(source.readable))
            write_deltalake(lake.uri(source.key), table, partition_by=[*source.grid.columns])
    return lake


def by_delta_rs(lake: LocalLake, view: View) -> list[Row]:
    return _sorted(reading.read_view(lake, view))


def by_duckdb(lake: LocalLake, view: View) -> list[Row]:
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "TimeZone": "UTC"})
    for source in view.over:
        connection.register(source.name, pa.table(DeltaTable(lake.uri(source.key)).to_pyarrow_table()))
    return _sorted(connection.sql(view.sql).to_arrow_table(), view)


def by_spark(lake: LocalLake, view: View, spark: SparkSession) -> list[Row]:
    for source in view.over:
        spark.read.format("delta").load(lake.uri(source.key)).createOrReplaceTempView(source.name)
    return _sorted(spark.sql(view.sql).toArrow(), view)


def _sorted(found: pa.Table, view: View | None = None) -> list[Row]:
    """Rows of the declared columns and types: a value that does not fit them fails the cast."""
    if view is not None:
        schema = reading.arrow_schema(view.contract.fields)
        assert found.column_names == schema.names
        found = found.cast(schema)
    return sorted(found.to_pylist(), key=repr)
