"""A quarantine: what a table set aside, one row per coordinate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse_assets.engine.grids import Grid, Partition
from lakehouse_assets.engine.table import Table

if TYPE_CHECKING:
    from dagster import AssetDep, AssetKey

    from lakehouse_assets.engine.writing.engine import Engine
    from lakehouse_assets.engine.writing.rebuilds import Rebuild


@dataclass(frozen=True)
class Quarantine(Table):
    """What a table set aside, one row per coordinate; a day of it is replayed by materializing it."""

    of: Table

    @property
    def code_version(self) -> str:
        """That of the table whose rows they are."""
        return self.of.code_version

    @property
    def asset_deps(self) -> tuple[AssetDep | AssetKey, ...]:
        """Where the table's records come from."""
        return self.of.asset_deps

    @property
    def grid(self) -> Grid:
        """That of the table."""
        return self.of.grid

    @property
    def is_replayed(self) -> bool:
        """Whether what it holds can be tried again, day by day."""
        return self.of.quarantined_by_day

    def rebuild(self, engine: Engine, days: Sequence[Partition], tries: Sequence[str] = ()) -> Rebuild:
        """A replay: the days' records are tried once more, and join the table where they pass."""
        return self.of.replay(engine, days)
