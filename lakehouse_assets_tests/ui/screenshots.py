"""Pictures for the README, from the Dagster that is running.

lakehouse demo --keep --once && python -m lakehouse_assets_tests.ui.screenshots docs/images
"""

from __future__ import annotations

import sys
from pathlib import Path

from lakehouse_assets.settings import bypass_proxy_on_loopback, load
from lakehouse_assets_tests.ui.browser import Ui, browsing

REVENUE, TRANSACTIONS = "gold/sales/daily_revenue", "silver/sales/transactions"


def shoot(ui: Ui, folder: Path) -> None:
    """Every picture."""
    ui.open("/asset-groups", "daily_revenue")
    ui.shoot(folder / "lineage.png")
    ui.asset(REVENUE, "overview", "Sum of line totals")
    ui.shoot(folder / "gold_asset.png")
    ui.asset(REVENUE, "events", "delta_version")
    ui.shoot(folder / "gold_events.png")
    ui.asset(TRANSACTIONS, "checks", "Price_not_null")
    ui.shoot(folder / "checks.png")
    ui.asset(TRANSACTIONS, "partitions")
    ui.shoot(folder / "partitions.png")
    ui.open("/overview/backfills")
    ui.shoot(folder / "backfill.png")


def main() -> None:
    """Shoot into the folder named on the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    bypass_proxy_on_loopback()
    with browsing(load().dagster_url) as ui:
        shoot(ui, folder)


if __name__ == "__main__":
    main()
