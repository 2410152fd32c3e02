"""Upgrading: a table of an earlier release loses what keeps runs from writing its small batches themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyspark.errors import PySparkException

from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import delta, protocol, turns
from lakehouse_assets.engine.writing.engine import Engine


@dataclass(frozen=True)
class Upgrade:
    """What became of one table or quarantine."""

    key: str
    dropped: tuple[str, ...] = ()
    """Features of the Delta protocol that it no longer has."""
    kept: tuple[str, ...] = ()
    """Those that Spark would not drop, each with the reason."""

    @property
    def line(self) -> str:
        """For terminals."""
        if not self.dropped and not self.kept:
            return f"{self.key}: nothing to do"
        said = [f"{each} is dropped" for each in self.dropped] + [
            f"{each}; Spark goes on writing" for each in self.kept
        ]
        return f"{self.key}: {'; '.join(said)}"


def upgrade(engine: Engine, table: Table) -> Iterator[Upgrade]:
    """Drops, of a table and its quarantine, the features that leave its writing to Spark; no row and no position moves.

    Raises:
        UnavailableError: another run wrote for too long, or the store does not answer.
    """
    with turns.take(engine.settings, table.key):
        for key in (table.key, table.quarantine):
            target = delta.Target(engine.spark, engine.lake, key)
            if target.exists():
                yield _upgraded(target)


def _upgraded(target: delta.Target) -> Upgrade:
    dropped, kept = list[str](), list[str]()
    for name in sorted(protocol.barriers(target.open())):
        try:
            target.spark.sql(f"ALTER TABLE {target.sql} DROP FEATURE `{name}`").collect()
            dropped.append(name)
        except PySparkException as error:
            kept.append(f"{name} is not dropped: {str(error).splitlines()[0]}")
    return Upgrade(target.key, tuple(dropped), tuple(kept))
