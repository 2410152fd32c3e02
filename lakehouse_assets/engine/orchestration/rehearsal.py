"""Rehearsal: a made-up row through every table's code, so that a first batch meets a server that has compiled it.

Nothing is read and nothing is written. What a table's own code makes of nulls is its own affair: it may well fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakehouse_assets.engine.sessions import fit
from lakehouse_assets.engine.table import Table
from lakehouse_assets.settings import Settings

ROUNDS = 12
"""After so many the server's own compiler has seen most of it often enough."""


@dataclass(frozen=True)
class Progress:
    """How far a rehearsal is."""

    done: int
    of: int
    failed: tuple[str, ...] = ()
    """Keys of tables whose code takes no nulls."""


def rehearse(spark: SparkSession, settings: Settings, tables: Sequence[Table]) -> Iterator[Progress]:
    """Runs the code of each table a few times, with a word after each round."""
    fit(spark, 1)
    failed: set[str] = set()
    for round_ in range(ROUNDS):
        for table in tables:
            if table.key not in failed and not _ran(spark, settings, table):
                failed.add(table.key)
        yield Progress(round_ + 1, ROUNDS, tuple(sorted(failed)))


def _ran(spark: SparkSession, settings: Settings, table: Table) -> bool:
    try:
        made = table.rehearsed(spark, settings)
        if made is not None:
            made.toArrow()
    except PySparkException:
        return False
    return True
