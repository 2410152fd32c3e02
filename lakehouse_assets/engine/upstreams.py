"""What a table lives on, and how partitions of the one mean partitions of the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lakehouse_assets.engine.grids import UNPARTED, WHOLE, Grid, Partition

if TYPE_CHECKING:
    from dagster import AssetDep

    from lakehouse_assets.engine.table import Table

_NOTHING = timedelta(0)
_ANY_TIME = datetime(2000, 2, 1, tzinfo=UTC)
"""In the shortest of months."""


@dataclass(frozen=True)
class Upstream:
    """A table that another one lives on.

    A partition is computed from the upstream's partitions of the same time: the day of an hour, the days of a month.
    """

    table: Table
    back: timedelta = _NOTHING
    """And from so much time before: six days for a sum over seven."""
    whole: bool = False
    """From all of it, whatever the time: each change computes every partition anew."""
    looked_up: bool = False
    """Read whole as it stands now, and no reason to compute anything: `lakehouse backfill TABLE stale` does so."""

    @property
    def is_read_whole(self) -> bool:
        """Whether every partition needs all of it."""
        return self.whole or self.looked_up or self.table.grid == UNPARTED

    def needed(self, grid: Grid, partitions: Iterable[Partition]) -> str:
        """SQL: what of the upstream partitions of this grid are computed from."""
        parts = self.parts_needed(grid, partitions)
        return "TRUE" if parts is None else self.table.grid.where(parts)

    def parts_needed(self, grid: Grid, partitions: Iterable[Partition]) -> frozenset[Partition] | None:
        """The partitions of the upstream that partitions of this grid are computed from; None for all of it."""
        if self.is_read_whole or grid == UNPARTED:
            return None
        spans = (grid.span(each) for each in partitions)
        return frozenset(part for first, last in spans for part in self.table.grid.within((first - self.back, last)))

    def touched(self, grid: Grid, partition: Partition, every: Sequence[Partition]) -> Iterable[Partition]:
        """The partitions of this grid that a partition of the upstream is needed for; `every` are all there are."""
        if grid == UNPARTED:
            return [WHOLE]
        if self.is_read_whole:
            return every
        first, last = self.table.grid.span(partition)
        return grid.within((first, last + self.back))

    def dep(self, grid: Grid) -> AssetDep:
        """As Dagster knows it, of a table of this grid."""
        from dagster import AllPartitionMapping, AssetDep, TimeWindowPartitionMapping

        if grid == UNPARTED or self.table.grid == UNPARTED:
            return AssetDep(self.table.asset_key)
        if self.is_read_whole:
            return AssetDep(self.table.asset_key, partition_mapping=AllPartitionMapping())
        return AssetDep(
            self.table.asset_key,
            partition_mapping=TimeWindowPartitionMapping(
                start_offset=-self._steps(grid), allow_nonexistent_upstream_partitions=True
            ),
        )

    def _steps(self, grid: Grid) -> int:
        """So many partitions of the grid cover the time before."""
        first, last = grid.span(grid.at(_ANY_TIME))
        return -(-self.back // (last - first))


def upstream(given: Table | Upstream) -> Upstream:
    """What a table's file gives, as an upstream."""
    return given if isinstance(given, Upstream) else Upstream(given)


def upstreams(given: Table | Upstream | Sequence[Table | Upstream]) -> tuple[Upstream, ...]:
    """One or several."""
    return tuple(map(upstream, given if isinstance(given, Sequence) else [given]))
