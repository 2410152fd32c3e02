"""Reading views without Spark: SQL by delta-rs' own engine over the Delta tables on S3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake import QueryBuilder
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructField, StructType

from lakehouse_assets.engine.display.table_reading import execute, tail
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import ContractError

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.view import View

PREVIEW_ROWS = 10
_NO_TIME = "arrow_cast(NULL, 'Timestamp(Microsecond, Some(\"UTC\"))')"


@dataclass(frozen=True)
class Examined:
    """What an examination of a view found: its number of rows and the first of them."""

    rows: int
    preview: pa.Table


def read_view(lake: Lake, view: View, where: str = "", limit: int | None = None) -> pa.Table:
    """The rows of a view, in the columns and types of its schema.

    Raises:
        LakehouseError: the condition cannot be understood.
        ContractError: the view's SQL cannot be run over its sources.
    """
    columns = ", ".join(view.contract.fields.names)
    found = _over(lake, view, f"SELECT {columns} FROM answer{tail(' WHERE', where, limit)}")
    return found.cast(arrow_schema(view.contract.fields))


def examine(lake: Lake, view: View) -> Examined:
    """Runs a view's SQL over its sources.

    Raises:
        ContractError: the SQL cannot be run, or its answer has other columns, nulls or a doubled grain.
    """
    _check_columns(view, _over(lake, view, "SELECT * FROM answer LIMIT 0").schema)
    counted = _over(lake, view, _counts(view)).to_pylist()[0]
    rows, grains = int(counted.pop("row_count")), int(counted.pop("grain_count"))
    broken = [f"{name} is null in {nulls} rows" for name, nulls in counted.items() if nulls]
    if grains != rows:
        broken.append(f"{rows} rows stand for {grains} of {', '.join(view.grain)}, the grain")
    if broken:
        raise _wrong(view, "; ".join(broken))
    return Examined(rows, read_view(lake, view, limit=PREVIEW_ROWS))


def arrow_schema(fields: StructType) -> pa.Schema:
    """Columns as Arrow types; timestamps in UTC."""
    nullable = StructType([StructField(field.name, field.dataType) for field in fields])
    return to_arrow_schema(nullable, timezone="UTC")


def _check_columns(view: View, found: pa.Schema) -> None:
    wanted = {field.name: str(field.type) for field in arrow_schema(view.contract.fields)}
    given = {field.name: str(field.type).removesuffix("_view") for field in found}
    wrong = [
        f"{name} is {given.get(name, 'missing')}, not {wanted.get(name, 'declared')}"
        for name in sorted(wanted | given)
        if wanted.get(name) != given.get(name)
    ]
    if wrong:
        raise _wrong(view, "; ".join(wrong))


def _counts(view: View) -> str:
    required = [field.name for field in view.contract.fields if not field.nullable]
    nulls = "".join(f", count(*) - count({name}) AS {name}" for name in required)
    grain = ", ".join(view.grain)
    grains = f"(SELECT count(*) FROM (SELECT DISTINCT {grain} FROM answer) AS grains)"
    return f"SELECT count(*) AS row_count, {grains} AS grain_count{nulls} FROM answer"


def _over(lake: Lake, view: View, query: str) -> pa.Table:
    """A query over `answer`, the view's rows."""
    builder, empty = QueryBuilder(), []
    for source in view.over:
        table = lake.open(source.key)
        if table is None:
            empty.append(f"{source.name} AS (SELECT {_nothing(source)} WHERE FALSE), ")
        else:
            builder.register(source.name, table)
    return execute(builder, f"WITH {''.join(empty)}answer AS ({view.sql}) {query}", view.key)


def _nothing(source: Table) -> str:
    columns = [(field.name, field.dataType.simpleString()) for field in source.readable]
    return ", ".join(f"{_null(dtype)} AS {name}" for name, dtype in columns)


def _null(dtype: str) -> str:
    """A null of a Spark type; Delta's timestamps have a zone, SQL's here have none."""
    return _NO_TIME if dtype == "timestamp" else f"CAST(NULL AS {dtype})"


def _wrong(view: View, what: str) -> ContractError:
    return ContractError(f"the view's answer is not what its schema says: {what}", where=view.key, do="Correct either")
