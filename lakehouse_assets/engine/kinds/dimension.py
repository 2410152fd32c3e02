"""A dimension, silver: one row per key as its newest record says, not parted; bad rows in quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lakehouse_assets.engine.grids import UNPARTED, Grid
from lakehouse_assets.engine.kinds.event import EventTable


@dataclass(frozen=True)
class DimensionTable(EventTable):
    """Silver: one row per key, the newest record wins; `grain` is the key."""

    keep: Literal["first", "last"] = "last"

    @property
    def grid(self) -> Grid:
        """None: a key has one row, whenever it was sent."""
        return UNPARTED
