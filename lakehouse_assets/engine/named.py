"""What a table is called, by people, by Dagster and in SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakehouse_assets.engine.naming import check_key

if TYPE_CHECKING:
    from dagster import AssetKey


@dataclass(frozen=True)
class Named:
    """What every table has; `key` is `layer/domain/table`."""

    key: str
    owner: str
    description: str
    freshness_hours: float | None = field(default=24.0, kw_only=True)
    """The table is stale, in Dagster and for the alerts, when nothing changed for so long; None promises nothing."""

    def __post_init__(self) -> None:
        check_key(self.key)

    @property
    def asset_key(self) -> AssetKey:
        """The Dagster asset key, `[layer, domain, table]`."""
        from dagster import AssetKey

        return AssetKey(self.key.split("/"))

    @property
    def layer(self) -> str:
        """bronze, silver, gold or serve."""
        return self.key.split("/")[0]

    @property
    def domain(self) -> str:
        """What it is about; the assets of a domain are a group in Dagster's graph."""
        return self.key.split("/")[1]

    @property
    def name(self) -> str:
        """The key as an identifier, e.g. `silver_sales_transactions`."""
        return self.key.replace("/", "_")

    @property
    def quarantine(self) -> str:
        """The key of the table's quarantine."""
        return f"{self.key}_quarantine"
