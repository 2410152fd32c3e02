"""Rows of one grain that meet: those of a batch, and those that a table holds already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyspark.sql.functions as F
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import Column, SparkSession
from pyspark.sql.types import StructType

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.names import own
from lakehouse_assets.engine.writing import small_files
from lakehouse_assets.engine.writing.deduplication import LOSERS, Precedence

MOST_NAMED: Final = 1_000
"""Values of a grain that a query names; of more it reads all in the partitions."""
MOST_READ: Final = 2_000_000
"""Rows in the partitions whose grain this process may read."""
_AT: Final = own("at")


@dataclass(frozen=True)
class Settled:
    """What is to be written so that a table holds one row for each grain."""

    rows: pa.Table
    changed: pa.Table
    """Of them those that take the place of rows that the table holds."""


@dataclass(frozen=True)
class Met:
    """Where rows of a batch meet those of a table."""

    held: pa.Table
    """The rows of the table that have the grain of a row of the batch, in its columns."""
    every: pa.Table | None = None
    """All rows of the partitions that the batch has rows of, in the table's columns, where they were read."""


def met(lake: Lake, key: str, table: DeltaTable, batch: pa.Table, grain: Sequence[str], where: str) -> Met:
    """What the table has of the batch's grains; `where` prunes the table `t`."""
    wanted = batch.select(grain)
    within = _partitions(table, batch, grain)
    every = None if within is None else small_files.rows(lake, key, table, within)
    if every is not None:
        return Met(_in_columns(every, batch, grain, wanted), every)
    named = " AND ".join([where, *_among(wanted)])
    keys = _query(table, f"SELECT {_listed(grain)} FROM t WHERE {named}").cast(wanted.schema)
    found = keys.join(wanted, keys=[*grain], join_type="left semi")
    if not found.num_rows:
        return Met(batch.slice(0, 0))
    rows = _query(table, f"SELECT * FROM t WHERE {' AND '.join([parts(table, found) or where, *_among(found)])}")
    return Met(_in_columns(rows, batch, grain, found))


def _partitions(table: DeltaTable, rows: pa.Table, grain: Sequence[str]) -> pa.Array | None:
    """Those in which rows of one grain with these lie; None where the grain does not say."""
    by = table.metadata().partition_columns
    return pc.unique(rows[by[0]].combine_chunks()) if len(by) == 1 and by[0] in grain else None


def without(rows: pa.Table, others: pa.Table, grain: Sequence[str]) -> pa.Table:
    """The rows whose grain none of the others has."""
    at = pa.array(range(rows.num_rows), pa.int64())
    keys = rows.select(grain).cast(others.select(grain).schema).append_column(_AT, at)
    return rows.take(keys.join(others.select(grain), keys=[*grain], join_type="left anti")[_AT].sort())


def parts(table: DeltaTable, rows: pa.Table, alias: str = "t.") -> str:
    """A condition on the table: the partitions of these rows, of which there are some. Empty where it has none, or the
    rows do not say."""
    by = [rows.select([name]) for name in table.metadata().partition_columns if name in rows.column_names]
    return " AND ".join(f"{alias}`{each.column_names[0]}` IN ({', '.join(_parts(each[0]))})" for each in by)


def _parts(values: pa.ChunkedArray) -> list[str]:
    return _texts(pc.unique(values.cast(pa.string())), "DATE" if pa.types.is_date(values.type) else "")


def _in_columns(rows: pa.Table, batch: pa.Table, grain: Sequence[str], met: pa.Table) -> pa.Table:
    """The rows whose grain is `met`, in the columns of the batch."""
    keys = rows.select(grain).cast(met.schema).append_column(_AT, pa.array(range(rows.num_rows), pa.int64()))
    found = keys.join(met, keys=[*grain], join_type="left semi")[_AT].sort()
    return rows.select(batch.column_names).cast(batch.schema).take(found)


def settled(
    spark: SparkSession,
    batch: pa.Table,
    schema: StructType,
    held: pa.Table,
    grain: Sequence[str],
    precedence: Precedence,
) -> Settled:
    """Of the batch and what the table holds one row a grain, each with the others among its losers."""
    if not held.num_rows:
        return Settled(batch, batch.slice(0, 0))
    meeting, others = _parted(batch, held, grain)
    new, old = (spark.createDataFrame(each, schema) for each in (meeting, held))
    both = new.alias("s").join(old.alias("t"), on=_same(grain))
    columns = [_settled(name, precedence) for name in schema.names]
    found = both.where(_is_changed(precedence)).select(*columns)
    changed = found.toArrow().cast(batch.schema)
    return Settled(pa.concat_tables([others, changed]), changed)


def _parted(batch: pa.Table, held: pa.Table, grain: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """The rows of a batch whose grain is held, and the others."""
    at = pa.array(range(batch.num_rows), pa.int64())
    met = held.select(grain).cast(batch.select(grain).schema)
    found = batch.select(grain).append_column(_AT, at).join(met, keys=[*grain], join_type="left semi")[_AT]
    is_met = pc.is_in(at, value_set=found.combine_chunks())
    return batch.filter(is_met), batch.filter(pc.invert(is_met))


def _same(grain: Sequence[str]) -> list[Column]:
    return [F.col(f"s.`{name}`") == F.col(f"t.`{name}`") for name in grain]


def _settled(name: str, precedence: Precedence) -> Column:
    """The value of a column in the row that wins; of the losers those of both."""
    challenger, holder = (F.col(f"{alias}.`{name}`") for alias in ("s", "t"))
    if name == LOSERS:
        challenger, holder = F.expr(precedence.losers("s", "t")), F.expr(precedence.losers("t", "s"))
    return F.when(F.expr(precedence.wins("s", "t")), challenger).otherwise(holder).alias(name)


def _is_changed(precedence: Precedence) -> Column:
    return F.expr(precedence.wins("s", "t")) | (F.expr(precedence.losers("t", "s")) != F.col(f"t.{LOSERS}"))


def _query(table: DeltaTable, sql: str) -> pa.Table:
    return pa.table(QueryBuilder().register("t", table).execute(sql).read_all())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _among(keys: pa.Table) -> list[str]:
    """A condition for each column of the keys whose values are few enough to be named."""
    found = [(name, _literals(pc.unique(keys[name]))) for name in keys.column_names]
    return [f'"{name}" IN ({", ".join(values)})' for name, values in found if values]


def _literals(values: pa.Array) -> list[str]:
    """SQL of whole numbers and texts; nothing of many values, or of other types."""
    if len(values) > MOST_NAMED:
        return []
    if pa.types.is_integer(values.type):
        return [str(each) for each in values.to_pylist()]
    return _texts(values) if pa.types.is_string(values.type) or pa.types.is_large_string(values.type) else []


def _texts(values: pa.Array, of: str = "") -> list[str]:
    return [of + "'" + each.replace("'", "''") + "'" for each in values.to_pylist()]
