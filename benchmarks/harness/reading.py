"""Gold as any client sees it: opened and read by delta-rs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from lakehouse_assets_tests.oracle import reading

GOLD = {
    "gold": "daily_revenue",
    "product_performance": "product_performance",
    "customer_days": "customer_days",
}
"""The tables of gold by the oracle's names."""
_SOURCES = {"gold": reading.GOLD, "product_performance": reading.PRODUCTS, "customer_days": reading.CUSTOMERS}


@dataclass(frozen=True)
class Seen:
    """What a version of a gold table says: lines of transactions, and their revenue in cents."""

    version: int
    lines: int
    cents: int


@dataclass
class Reader:
    """One table, opened once and brought forward."""

    uri: str
    options: dict[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        self._table: DeltaTable | None = None

    def table(self) -> DeltaTable | None:
        """At its newest version; None where there is none yet."""
        try:
            if self._table is None:
                self._table = DeltaTable(self.uri, storage_options=self.options)
            else:
                self._table.update_incremental()
        except TableNotFoundError:
            return None
        return self._table

    def version(self) -> int:
        """The newest one; -1 where there is no table."""
        table = self.table()
        return -1 if table is None else table.version()

    def seen(self, days: Sequence[date] = ()) -> Seen:
        """Lines and revenue of some days, or of all."""
        if self.version() < 0 or self._table is None:
            return Seen(-1, 0, 0)
        sql = f"SELECT coalesce(sum(lines), 0) AS lines, coalesce(sum(revenue), 0) AS revenue FROM t{_where(days)}"
        [row] = self._query(sql)
        return Seen(self._table.version(), int(row["lines"]), round(row["revenue"] * 100))

    def rows(self, name: str, days: Sequence[date] = ()) -> pa.Table:
        """The columns that the oracle knows of a gold table."""
        source = reading.SOURCES[_SOURCES[name]]
        if self.version() < 0 or self._table is None:
            return pa.schema(list(source.columns.items())).empty_table()
        wanted = ", ".join(f'"{each}"' for each in source.columns)
        found = QueryBuilder().register("t", self._table).execute(f"SELECT {wanted} FROM t{_where(days)}").read_all()
        return pa.table(found).cast(pa.schema(list(source.columns.items())))

    def _query(self, sql: str) -> list[dict[str, Any]]:
        assert self._table is not None
        rows: list[dict[str, Any]] = pa.table(
            QueryBuilder().register("t", self._table).execute(sql).read_all()
        ).to_pylist()
        return rows


def _where(days: Sequence[date]) -> str:
    return f" WHERE event_date IN ({', '.join(f'DATE {str(day)!r}' for day in days)})" if days else ""
