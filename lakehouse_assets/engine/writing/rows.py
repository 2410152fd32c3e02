"""Rows that are computed once, however often they are looked at: few in this process, many on the Spark server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql.connect.dataframe import DataFrame as Connected
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import ArrayType, BinaryType, MapType, StringType, StructField, StructType

from lakehouse_assets.engine.grids import WHOLE, Grid, Partition
from lakehouse_assets.engine.names import column
from lakehouse_assets.engine.writing import audits
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS, Audit, Sample, Samples, Sampling, day_of, gather

MOST_BYTES: Final = 128 * 2**20
"""Of rows that go to the Spark server by value: it decodes them anew for each statement."""


@dataclass(frozen=True)
class Rows:
    """A frame to go on with."""

    frame: DataFrame
    here: pa.Table | None = None
    """The same rows, where this process has them."""

    def good(self, *columns: str) -> Rows:
        """Columns of those that are not set aside."""
        frame = self.frame.where(F.size(REASONS) == 0).select(*columns)
        if self.here is None:
            return Rows(frame)
        return Rows(frame, self.here.filter(pc.equal(pc.list_value_length(self.here[REASONS]), 0)).select(columns))

    def without(self, *columns: str) -> Rows:
        """All but some columns."""
        return Rows(self.frame.drop(*columns), None if self.here is None else self.here.drop([*columns]))


def collected(frame: DataFrame) -> pa.Table | None:
    """All rows, as by `toArrow`, which asks for the schema first although it comes with them; every field may be null.

    None where they are more than a process should hold.
    """
    schema, parts, size = None, list[pa.Table](), 0
    with closing(_parts(cast(Connected, frame))) as found:
        for each in found:
            if isinstance(each, StructType):
                schema = each
                continue
            parts.append(each)
            size += each.nbytes
            if size > MOST_BYTES:
                return None
    if schema is None or not parts:
        return frame.toArrow()
    wanted = to_arrow_schema(schema.toNullable(), error_on_duplicated_field_names_in_struct=True, timezone="UTC")
    return pa.concat_tables(parts).cast(wanted)


def fits(frame: DataFrame) -> bool:
    """Whether a process may hold all of its rows; to be asked of what is computed already."""
    sizes = [F.sum(F.octet_length(each)) for each in _texts(frame.schema)]
    row = frame.select(F.count("*"), *sizes).first() if sizes else None
    return row is None or sum(each or 0 for each in row) <= MOST_BYTES


def _texts(schema: StructType) -> list[Column]:
    """What of a row can be large."""
    return [
        column(each.name) if isinstance(each.dataType, StringType | BinaryType) else _told(each.name)
        for each in schema
        if isinstance(each.dataType, StringType | BinaryType | ArrayType | MapType | StructType)
    ]


def _told(name: str) -> Column:
    return F.to_json(F.struct(column(name)))


def _parts(frame: Connected) -> Generator[StructType | pa.Table]:
    client = frame._session.client
    yield from client.to_table_as_iterator(frame._plan.to_proto(client), frame._plan.observations)


def once(frame: DataFrame, *, few: bool) -> Rows:
    """Computes `few` rows now; of many, or of large ones, the server keeps those that it computes first."""
    if few:
        here = collected(frame)
        if here is not None:
            return Rows(frame.sparkSession.createDataFrame(here, from_arrow_schema(here.schema)), here)
    return Rows(frame.localCheckpoint(eager=False))


def made_up(spark: SparkSession, schema: StructType) -> DataFrame:
    """One row of nulls."""
    nullable = StructType([StructField(each.name, each.dataType) for each in schema])
    return spark.createDataFrame([(None,) * len(nullable)], nullable)


def audited(rows: Rows, grid: Grid, sampling: Sampling) -> Audit:
    """As `audits.audit`; where the rows are here, Spark is asked for nothing but samples of what broke a rule."""
    found = None if rows.here is None else _counted(rows.here, grid)
    if rows.here is None or found is None:
        return audits.audit(rows.frame, grid, sampling)
    return replace(found, samples=_sampled(rows, rows.here, grid, sampling)) if found.broken else found


def _counted(here: pa.Table, grid: Grid) -> Audit | None:
    """None where a partition is one that Python cannot hold, or there is too much to tell."""
    broken = _breaking(here)
    good, days = here.filter(pc.invert(broken)), _days(here.filter(broken), grid)
    sizes = good.group_by([*grid.columns]).aggregate([([], "count_all")])
    fine = _days(sizes, grid)
    if days is None or fine is None:
        return None
    told = zip(days, *(map(tuple, here.filter(broken)[name].to_pylist()) for name in (REASONS, REMARKS)), strict=True)
    groups = Counter(told)
    if len(groups) > audits.MOST_GROUPS:
        return None
    whole = [(day, (), (), count) for day, count in zip(fine, sizes["count_all"].to_pylist(), strict=True) if count]
    return gather([*whole, *((*group, count) for group, count in groups.items())])


def _breaking(here: pa.Table) -> pa.ChunkedArray:
    return pc.greater(pc.add(*(pc.list_value_length(here[name]) for name in (REASONS, REMARKS))), 0)


def _days(rows: pa.Table, grid: Grid) -> Sequence[Partition | None] | None:
    return _values(rows[grid.column]) if grid.columns else [WHOLE] * rows.num_rows


def _sampled(rows: Rows, here: pa.Table, grid: Grid, sampling: Sampling) -> Samples:
    found_breaking = here.filter(_breaking(here))
    breaking = rows.frame.sparkSession.createDataFrame(found_breaking, from_arrow_schema(here.schema))
    shown = sampling.at.alias("at"), sampling.shown.alias("shown")
    found: dict[tuple[Partition | None, str], list[Sample]] = {}
    for row in sorted(breaking.select(day_of(grid), REASONS, REMARKS, *shown).collect(), key=_by_place):
        for rule in (*row[REASONS], *row[REMARKS]):
            samples = found.setdefault((row["day"], rule), [])
            if len(samples) < audits.MOST_SAMPLES:
                samples.append(Sample(row["at"], row["shown"] or {}))
    return found


def _by_place(row: Row) -> tuple[bool, str]:
    return row["at"] is not None, row["at"] or ""


def _values(column: pa.ChunkedArray) -> Sequence[Partition | None] | None:
    try:
        return [*column.to_pylist()]
    except (OverflowError, ValueError):
        return None
