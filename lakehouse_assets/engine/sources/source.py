"""What the engine asks of a source."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from pyspark.sql import Column, DataFrame, SparkSession

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.sources.planning import Acceptance, Waits


class Source(Protocol):
    """The verbs of a source. Each one that reaches it raises UnavailableError when it does not answer."""

    @property
    def unit(self) -> str:
        """What lag and progress are counted in."""

    @property
    def glance_seconds(self) -> float:
        """Least time between two glances."""

    def glance(self) -> str:
        """What changes whenever there is more to read; costs far less than a plan."""

    def plan(self, ledger: Ledger) -> tuple[Slice, ...]:
        """The next slices to read; raises LossError where records are gone that the table has not read."""

    def cap(self, slices: Sequence[Slice]) -> tuple[Slice, ...]:
        """As much of `slices` as a batch of a later layer may take."""

    def records(self, slices: Sequence[Slice]) -> int:
        """About how many records these slices hold, rather too many than too few."""

    def read(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame:
        """The records of exactly these slices: `records.RECORD`, and `reasons` where the source finds faults."""

    def read_few(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame | None:
        """The same by value, read by this process; None where they are many or large."""

    def read_singly(self, spark: SparkSession, slices: Sequence[Slice]) -> tuple[DataFrame, tuple[Slice, ...]]:
        """Where `read` fails on a record: the first few records with `reasons`, and the slices that they are."""

    def beginnings(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame:
        """What is kept of records, or of whole files, that code fails on: `records.RECORD`, perhaps `reasons`."""

    def halve(self, slices: Sequence[Slice]) -> tuple[Sequence[Slice], Sequence[Slice]] | None:
        """Two halves that can be read apart; None for a single record, or a single file."""

    def faults(self) -> Column | None:
        """array<string>: what the source found wrong with a record, over the columns of `read`; None for nothing."""

    def check(self, slices: Sequence[Slice]) -> None:
        """Just before the commit: raises LossError when the source is no longer the one that was planned on."""

    def marked(self, position: Position) -> Position:
        """A position just read, with what tells later whether its coordinates still are the same records."""

    def held(self, position: Position, days: Collection[Partition]) -> tuple[Slice, ...]:
        """What the source still holds of the records in a position that can be of these days, for a repair."""

    def lags(self, positions: Sequence[Position]) -> list[int]:
        """In `unit`, how far each table is behind the source now; the first position is the bronze table's."""

    def taken(self, position: Position) -> int:
        """In `unit`, how much a position holds."""

    def waits(self) -> Waits | None:
        """What is there and cannot be read yet; None for nothing. It counts in no lag."""

    def acceptance(self, ledger: Ledger) -> Acceptance:
        """The word that lets the table go on from the source as it is now."""
