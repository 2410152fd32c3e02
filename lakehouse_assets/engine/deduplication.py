"""One row per grain: the lowest coordinate wins, and the winner keeps the coordinates of those it beat.

A loser with the winner's content is a duplicate, one with other content was superseded. Both follow from the set of
records alone, so neither their order nor their split into batches changes a row.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, Window

COORDINATE = ("topic_id", "partition", "offset")
CONTENT_HASH = "content_hash"
LOSERS = "losers"
LOSER_DDL = "array<struct<topic_id:string,partition:int,offset:bigint,content_hash:string>>"

_LOSER = (*COORDINATE, CONTENT_HASH)


def with_content_hash(rows: DataFrame, columns: Sequence[str]) -> DataFrame:
    """`rows` with `content_hash` (string), a SHA-256 over the values of `columns`."""
    return rows.withColumn(CONTENT_HASH, F.sha2(F.to_json(F.struct(*columns)), 256))


def deduplicate(rows: DataFrame, grain: Sequence[str], topic_ids: Sequence[str]) -> DataFrame:
    """One row per grain with the added column `losers`; `rows` has the coordinate and `content_hash`."""
    lowest_first = Window.partitionBy(*grain).orderBy(_epoch(F.col("topic_id"), topic_ids), "partition", "offset")
    after_this = lowest_first.rowsBetween(1, Window.unboundedFollowing)
    losers = F.array_sort(F.collect_list(F.struct(*_LOSER)).over(after_this))
    ranked = rows.select("*", losers.alias(LOSERS), F.row_number().over(lowest_first).alias("rank"))
    return ranked.where(F.col("rank") == 1).drop("rank")


def _epoch(topic_id: Column, topic_ids: Sequence[str]) -> Column:
    return F.array_position(F.array(*[F.lit(name) for name in topic_ids]), topic_id)


def wins(challenger: str, holder: str, topic_ids: Sequence[str]) -> str:
    """SQL: the challenger's coordinate is lower than the holder's."""
    return f"{_order(challenger, topic_ids)} < {_order(holder, topic_ids)}"


def _order(alias: str, topic_ids: Sequence[str]) -> str:
    ids = ", ".join(f"'{name}'" for name in topic_ids)
    return f"struct(array_position(array({ids}), {alias}.topic_id), {alias}.`partition`, {alias}.`offset`)"


def losers_of(winner: str, beaten: str) -> str:
    """SQL: the losers of two rows of one grain, sorted, without the winner itself."""
    everyone = f"array_union(array_union({winner}.losers, {beaten}.losers), array({_self(beaten)}))"
    return f"array_sort(array_except({everyone}, array({_self(winner)})))"


def _self(alias: str) -> str:
    return "named_struct(" + ", ".join(f"'{name}', {alias}.`{name}`" for name in _LOSER) + ")"
