"""Counts what became of some records, each fate on its own, by their coordinates in the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.position import Slice, predicate

BRONZE: Final = "bronze/sales/transactions"
SILVER: Final = "silver/sales/transactions"
QUARANTINE: Final = "_quarantine"


@dataclass(frozen=True)
class Account:
    """How many of `rows_in` records have each fate."""

    rows_in: int
    rows_published: int
    rows_quarantined: int
    duplicates: int
    superseded: int

    @property
    def unaccounted(self) -> int:
        """Records without a fate; negative when some have two."""
        return self.rows_in - self.rows_published - self.rows_quarantined - self.duplicates - self.superseded


def of(lake: Lake, slices: Sequence[Slice]) -> Account:
    """The fates of the records in these slices, once every table has caught up with them."""
    where = predicate(slices)
    duplicates, superseded = _losers(lake, slices)
    quarantined = sum(_coordinates(lake, f"{key}{QUARANTINE}", where) for key in (BRONZE, SILVER))
    return Account(
        rows_in=sum(len(part) for part in slices),
        rows_published=_coordinates(lake, SILVER, where),
        rows_quarantined=quarantined,
        duplicates=duplicates,
        superseded=superseded,
    )


def _coordinates(lake: Lake, key: str, where: str) -> int:
    """How many different coordinates of the slices a table holds."""
    query = f'SELECT count(DISTINCT ("partition", "offset")) AS n FROM t WHERE {_quoted(where)}'
    return int(found[0]["n"]) if (found := _query(lake, key, query)) else 0


def _losers(lake: Lake, slices: Sequence[Slice]) -> tuple[int, int]:
    """How many duplicates and superseded records of the slices silver's winners name."""
    bounds = {(part.topic_id, part.partition): part for part in slices}
    query = "SELECT content_hash, losers FROM t WHERE cardinality(losers) > 0"
    same = [
        loser["content_hash"] == row["content_hash"]
        for row in _query(lake, SILVER, query)
        for loser in row["losers"]
        if (part := bounds.get((loser["topic_id"], loser["partition"]))) and part.start <= loser["offset"] < part.end
    ]
    return sum(same), len(same) - sum(same)


def _quoted(where: str) -> str:
    """Spark's predicate in delta-rs' dialect."""
    return where.replace("`", '"')


def _query(lake: Lake, key: str, query: str) -> list[dict[str, Any]]:
    try:
        table = DeltaTable(lake.uri(key), storage_options=lake.storage_options())
    except TableNotFoundError:
        return []
    found = QueryBuilder().register("t", table).execute(query).read_all()
    rows: list[dict[str, Any]] = pa.table(found).to_pylist()
    return rows
