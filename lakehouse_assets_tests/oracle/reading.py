"""Reads Delta tables with delta-rs and manifests with DuckDB into one DuckDB connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

BRONZE = "bronze/sales/transactions"
BRONZE_QUARANTINE = "bronze/sales/transactions_quarantine"
SILVER = "silver/sales/transactions"
SILVER_QUARANTINE = "silver/sales/transactions_quarantine"
GOLD = "gold/sales/daily_revenue"
PRODUCTS = "gold/sales/product_performance"
CUSTOMERS = "gold/sales/customer_days"

COORDINATE = {"topic_id": pa.string(), "partition": pa.int32(), "offset": pa.int64()}
LOSER = pa.struct([*COORDINATE.items(), ("content_hash", pa.string())])
TIME = pa.timestamp("us", "UTC")
_MONEY = dict.fromkeys(("revenue", "sales", "cancelled"), pa.decimal128(38, 2))


@dataclass(frozen=True)
class Source:
    """One table as the oracle knows it: its name in DuckDB and the columns that are read."""

    name: str
    columns: Mapping[str, pa.DataType]


SOURCES: Mapping[str, Source] = {
    BRONZE: Source("bronze", {**COORDINATE, "value": pa.binary(), "event_date": pa.date32()}),
    BRONZE_QUARANTINE: Source("bronze_quarantine", {**COORDINATE, "reasons": pa.list_(pa.string())}),
    SILVER: Source(
        "silver",
        {
            **COORDINATE,
            "TransactionNo": pa.string(),
            "ProductNo": pa.string(),
            "Price": pa.decimal128(18, 2),
            "Quantity": pa.int32(),
            "CustomerNo": pa.int64(),
            "event_time": TIME,
            "event_date": pa.date32(),
            "is_cancellation": pa.bool_(),
            "content_hash": pa.string(),
            "losers": pa.list_(LOSER),
        },
    ),
    SILVER_QUARANTINE: Source("silver_quarantine", {**COORDINATE, "reasons": pa.list_(pa.string())}),
    GOLD: Source(
        "gold",
        {
            "event_date": pa.date32(),
            **_MONEY,
            **dict.fromkeys(("transactions", "lines", "units", "customers"), pa.int64()),
        },
    ),
    PRODUCTS: Source(
        "product_performance",
        {
            "event_date": pa.date32(),
            "ProductNo": pa.string(),
            **_MONEY,
            **dict.fromkeys(("transactions", "lines", "units"), pa.int64()),
        },
    ),
    CUSTOMERS: Source(
        "customer_days",
        {
            "event_date": pa.date32(),
            "CustomerNo": pa.int64(),
            "orders": pa.int64(),
            "revenue": pa.decimal128(38, 2),
            "last_purchase": TIME,
            "lines": pa.int64(),
        },
    ),
}
REQUIRED = (BRONZE, SILVER, GOLD, PRODUCTS, CUSTOMERS)

_MANIFEST_COLUMNS = (
    "{'partition': 'INTEGER', 'offset': 'BIGINT', 'label': 'VARCHAR', 'event_date': 'VARCHAR',"
    " 'TransactionNo': 'VARCHAR', 'ProductNo': 'VARCHAR', 'Price': 'DECIMAL(18, 2)'}"
)


def read_tables(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, str], options: Mapping[str, str]) -> None:
    """Register every table of `SOURCES` under its name; `tables` gives the address by asset key.

    Raises:
        AssertionError: a required table is not there, or a column is missing.
    """
    for key, source in SOURCES.items():
        connection.register(source.name, _read(key, tables.get(key), source, options))


def read_manifests(connection: duckdb.DuckDBPyConnection, manifests: Sequence[Path]) -> None:
    """Make the table `manifest` with every line of the files, and which file (`part`) it came from."""
    read = " UNION ALL ".join(
        f"SELECT *, {part} AS part FROM read_json(?, format = 'newline_delimited', columns = {_MANIFEST_COLUMNS})"
        for part in range(len(manifests))
    )
    connection.execute(f"CREATE TABLE manifest AS {read}", [str(path) for path in manifests])


def _read(key: str, uri: str | None, source: Source, options: Mapping[str, str]) -> pa.Table:
    schema = pa.schema(list(source.columns.items()))
    try:
        table = DeltaTable(uri, storage_options=dict(options)) if uri else None
    except TableNotFoundError:
        table = None
    if table is None:
        assert key not in REQUIRED, f"{key}: there is no table at {uri}"
        return schema.empty_table()
    present = {field.name for field in table.schema().fields}
    missing = sorted(set(source.columns) - present)
    assert not missing, f"{key}: columns {missing} are missing; it has {sorted(present)}"
    wanted = ", ".join(f'"{name}"' for name in source.columns)
    rows = QueryBuilder().register("t", table).execute(f"SELECT {wanted} FROM t").read_all()
    return pa.table(rows).cast(schema)
