"""Rehearsal: a made-up row through every table's code, so that a first batch meets a server that has compiled it.

Nothing is read and nothing is written. What a table's own code makes of nulls is its own affair: it may well fail.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from pyspark.errors import PySparkException
from pyspark.errors.exceptions.connect import SparkConnectGrpcException
from pyspark.sql import SparkSession

from lakehouse_assets.engine.sessions import fit
from lakehouse_assets.engine.table import Table
from lakehouse_assets.settings import Settings

ROUNDS = 12
"""After so many the server's own compiler has seen most of it often enough."""
STILL_FASTER = 0.9
"""A round that takes more than this part of the fastest one before is the last: there is nothing left to win."""


@dataclass(frozen=True)
class Progress:
    """How far a rehearsal is."""

    rounds: int
    """That are over."""
    table: str = ""
    """Whose code was run last."""
    failed: tuple[str, ...] = ()
    """Keys of tables whose code takes no nulls."""


def rehearse(spark: SparkSession, settings: Settings, tables: Sequence[Table]) -> Iterator[Progress]:
    """Runs the code of each table a few times, with a word after each; whoever listens may take a pause at any of them.

    Raises:
        SparkConnectGrpcException: the server is gone.
    """
    fit(spark, 1)
    failed, fastest = set[str](), inf
    for rounds in range(ROUNDS):
        seconds = 0.0
        for table in tables:
            began = time.monotonic()
            if table.key not in failed and not _ran(spark, settings, table):
                failed.add(table.key)
            seconds += time.monotonic() - began
            yield Progress(rounds, table.key, tuple(sorted(failed)))
        if seconds > STILL_FASTER * fastest:
            return
        fastest = min(fastest, seconds)


def _ran(spark: SparkSession, settings: Settings, table: Table) -> bool:
    try:
        made = table.rehearsed(spark, settings)
        if made is not None:
            made.toArrow()
    except SparkConnectGrpcException as error:
        if type(error) is SparkConnectGrpcException:
            raise
        return False
    except PySparkException:
        return False
    return True
