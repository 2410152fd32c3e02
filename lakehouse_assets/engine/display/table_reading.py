"""Reading a table without Spark and without its model: SQL by delta-rs' own engine over the Delta table on S3."""

from __future__ import annotations

import pyarrow as pa
from deltalake import QueryBuilder
from deltalake.exceptions import DeltaError

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.errors import ContractError, LakehouseError

_QUARANTINE = "_quarantine"


class NoTableError(LakehouseError):
    """Nothing lies where the table would."""


def read_table(lake: Lake, key: str, where: str = "", limit: int | None = None) -> pa.Table:
    """The rows of a table; of a quarantine those up to its table's position.

    Raises:
        NoTableError: there is no such table.
        ContractError: the condition cannot be understood.
    """
    table = lake.open(key)
    if table is None:
        raise NoTableError("there is no such table", where=key, do="`lakehouse status` lists those there are")
    shown = "TRUE"
    if key.endswith(_QUARANTINE):
        from lakehouse_assets.engine.writing import quarantine

        shown = quarantine.shown_where(lake, key.removesuffix(_QUARANTINE), key).replace("`", '"')
    return execute(
        QueryBuilder().register("t", table), f"SELECT * FROM t WHERE {shown}{tail(' AND', where, limit)}", key
    )


def tail(joint: str, where: str, limit: int | None) -> str:
    """The end of a SELECT: a condition, joined by `joint`, and a limit."""
    return (f"{joint} ({where})" if where else "") + (f" LIMIT {limit}" if limit is not None else "")


def execute(builder: QueryBuilder, query: str, where: str) -> pa.Table:
    """The rows of a query; `where` is what an error names.

    Raises:
        ContractError: the query cannot be run.
    """
    try:
        return pa.table(builder.execute(query).read_all())
    except DeltaError as error:
        raise ContractError(
            f"the query cannot be run: {str(error).splitlines()[0].rstrip('.')}",
            where=where,
            do="Correct the condition, or the view's SQL; text stands in single quotes",
        ) from error
