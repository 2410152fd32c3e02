"""Who writes a batch: Spark, or this process where the batch is small and the table's protocol allows it.

Both have the same verbs, state the same and refuse the same: which of them wrote a batch cannot be told from the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from deltalake import DeltaTable
from pyspark.sql import DataFrame

from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.writing import protocol
from lakehouse_assets.engine.writing.arrow_writer import ArrowWriter
from lakehouse_assets.engine.writing.deduplication import Precedence
from lakehouse_assets.engine.writing.delta import Target, Transaction
from lakehouse_assets.engine.writing.rows import Rows, collected
from lakehouse_assets.engine.writing.spark_writer import SparkWriter


class Writer(Protocol):
    """Four ways to write, each one atomic commit that says `statement`; none where Delta knows the transaction."""

    def append(
        self, rows: DataFrame, slices: Sequence[Slice], where: str, statement: Statement, transaction: Transaction
    ) -> None:
        """Inserts the rows of these slices; one whose coordinate the table has stays as it is."""

    def merge(
        self,
        rows: DataFrame,
        grain: Sequence[str],
        where: str,
        precedence: Precedence,
        statement: Statement,
        transaction: Transaction,
    ) -> None:
        """Brings in one row per grain: one coordinate wins, every other one joins its losers."""

    def replace(self, rows: DataFrame, where: str, statement: Statement, transaction: Transaction) -> None:
        """Puts `rows` in the place of those that meet `where`; a row outside of it is refused."""

    def state(self, statement: Statement, transaction: Transaction) -> None:
        """A commit without rows, only to say something."""


def writer_of(target: Target, rows: Rows, stands: Callable[[DeltaTable], None], *, few: bool) -> Writer:
    """This process writes what are `few` rows, and not too large; `stands` raises why a plan has no ground any more."""
    if few and protocol.takes(target.open()):
        here = collected(rows.frame) if rows.here is None else rows.here
        if here is not None:
            return ArrowWriter(target, stands, here)
    return SparkWriter(target)


def sayer_of(target: Target, stands: Callable[[DeltaTable], None], *, near: bool) -> Writer:
    """The writer of a commit without rows."""
    return ArrowWriter(target, stands) if near and protocol.takes(target.open()) else SparkWriter(target)
