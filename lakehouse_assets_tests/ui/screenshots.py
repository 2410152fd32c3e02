"""Pictures for the README, from the Dagster that is running.

lakehouse demo --keep --once && python -m lakehouse_assets_tests.ui.screenshots docs/images
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import FloatRect

from lakehouse_assets.settings import bypass_proxy_on_loopback, load
from lakehouse_assets_tests.ui.browser import HEIGHT, SETTLE_MS, WIDTH, Ui, browsing

GRAPH = (2300, 1500)
MAP: FloatRect = {"x": 420, "y": 350, "width": 1660, "height": 1080}
REVENUE, TRANSACTIONS = "gold/sales/daily_revenue", "silver/sales/transactions"


def shoot(ui: Ui, folder: Path) -> None:
    """Every picture."""
    ui.resize(*GRAPH)
    ui.lineage()
    ui.shoot(folder / "lineage.png", MAP)
    ui.resize(WIDTH, HEIGHT)
    ui.asset(REVENUE, "overview", "Sum of line totals")
    ui.shoot(folder / "gold_table.png")
    ui.asset(REVENUE, "events", "delta_version")
    ui.scroll_to("plot")
    ui.page.get_by_text("[Show Markdown]").last.click()
    ui.page.wait_for_timeout(2 * SETTLE_MS)
    ui.shoot(folder / "gold_plot.png")
    ui.asset(TRANSACTIONS, "checks", "Price_not_null")
    ui.page.get_by_text("Price_not_null").first.click()
    ui.page.wait_for_timeout(SETTLE_MS)
    ui.shoot(folder / "checks.png")
    ui.open("/runs?view=backfills", "Launched by")
    ui.page.get_by_text("View", exact=True).first.click()
    ui.page.wait_for_timeout(2 * SETTLE_MS)
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
