"""One row per grain: the lowest or the highest coordinate wins, and the winner keeps the coordinates of those it beat.

A loser with the winner's content is a duplicate, one with other content was superseded. Both follow from the set of
records alone, so neither their order nor their split into batches changes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, Window

from lakehouse_assets.engine.names import column, own

COORDINATE = ("topic_id", "partition", "offset")
CONTENT_HASH = "content_hash"
LOSERS = "losers"
_RANK = own("rank")


def with_content_hash(rows: DataFrame, columns: Sequence[str]) -> DataFrame:
    """`rows` with `content_hash` (string), a SHA-256 over the values of `columns`."""
    return rows.withColumn(CONTENT_HASH, F.sha2(F.to_json(F.struct(*columns)), 256))


@dataclass(frozen=True)
class Precedence:
    """Which record of a grain wins."""

    keep: Literal["first", "last"] = "first"
    topic_ids: tuple[str, ...] | None = None
    """Topic ids in their order, after all that are not named and sort by themselves; None where all do."""
    coordinate: tuple[str, ...] = COORDINATE
    """What tells rows apart: a record, or a line of it."""

    @property
    def loser(self) -> tuple[str, ...]:
        """What a winner keeps of a row that it beat."""
        return (*self.coordinate, CONTENT_HASH)

    def ordering(self) -> list[Column]:
        """The winner comes first."""
        columns = [*self._epoch(), *map(F.col, self.coordinate[1:])]
        return [column.asc() if self.keep == "first" else column.desc() for column in columns]

    def _epoch(self) -> list[Column]:
        if self.topic_ids is None:
            return [F.col("topic_id")]
        named = F.array(*map(F.lit, self.topic_ids)).cast("array<string>")
        return [F.array_position(named, F.col("topic_id")), F.col("topic_id")]

    def wins(self, challenger: str, holder: str) -> str:
        """SQL: the challenger's coordinate comes before the holder's."""
        return f"{self._place(challenger)} {'<' if self.keep == 'first' else '>'} {self._place(holder)}"

    def _place(self, alias: str) -> str:
        epoch = f"{alias}.topic_id"
        if self.topic_ids is not None:
            ids = ", ".join(f"'{name}'" for name in self.topic_ids)
            epoch = f"array_position(CAST(array({ids}) AS array<string>), {alias}.topic_id), {epoch}"
        return f"struct({epoch}, {', '.join(f'{alias}.`{name}`' for name in self.coordinate[1:])})"

    def losers(self, winner: str, beaten: str) -> str:
        """SQL: the losers of two rows of one grain, sorted, without the winner itself."""
        everyone = f"array_union(array_union({winner}.losers, {beaten}.losers), array({self._self(beaten)}))"
        return f"array_sort(array_except({everyone}, array({self._self(winner)})))"

    def _self(self, alias: str) -> str:
        return "named_struct(" + ", ".join(f"'{name}', {alias}.`{name}`" for name in self.loser) + ")"


def deduplicate(rows: DataFrame, grain: Sequence[str], precedence: Precedence) -> DataFrame:
    """One row per grain with the added column `losers`; `rows` has the coordinate and `content_hash`."""
    winner_first = Window.partitionBy(*grain).orderBy(*precedence.ordering())
    after_this = winner_first.rowsBetween(1, Window.unboundedFollowing)
    losers = F.array_sort(F.collect_list(F.struct(*precedence.loser)).over(after_this))
    ranked = rows.select("*", losers.alias(LOSERS), F.row_number().over(winner_first).alias(_RANK))
    return ranked.where(column(_RANK) == 1).drop(column(_RANK))
