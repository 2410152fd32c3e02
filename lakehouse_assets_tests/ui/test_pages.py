"""What a person finds in the UI: the map of all tables, and on a table's page its checks, its rows and its plot."""

from __future__ import annotations

import re

import pytest
from dagster import AssetKey, AssetRecordsFilter

from lakehouse_assets.definitions import TABLES
from lakehouse_assets_tests.faults.site import Site
from lakehouse_assets_tests.ui.browser import HEIGHT, WIDTH, Ui
from lakehouse_assets_tests.ui.screenshots import GRAPH

pytestmark = pytest.mark.services

REVENUE = "gold/sales/daily_revenue"


def test_the_graph_opens_with_every_table_and_its_layer(ui: Ui):
    ui.resize(*GRAPH)
    shown = ui.lineage().inner_text("body")
    ui.resize(WIDTH, HEIGHT)

    for table in TABLES:
        assert re.search(shortened(table.key.split("/")[-1]), shown)
    assert all(layer in shown for layer in ("Bronze", "Silver", "Gold", "quarantine"))


def shortened(name: str) -> str:
    """A name as the graph writes it: whole, or with its middle left out where the box is too small."""
    return rf"{name[:4]}\S*{name[-4:]}"


def drawn_at(site: Site) -> float:
    """When the newest plot was told, in seconds since 1970: not every commit has one."""
    with site.instance as instance:
        wanted = AssetRecordsFilter(asset_key=AssetKey(REVENUE.split("/")))
        found = instance.fetch_materializations(wanted, limit=1000).records
    return next(each.timestamp for each in found if "plot" in each.asset_materialization.metadata)


def test_a_gold_table_says_what_it_holds_and_draws_it(ui: Ui, site: Site):
    """Columns with their meaning, the owner, and the newest plot."""
    page = ui.asset(REVENUE, "overview", "Sum of line totals in USD, cancellations taken off")

    assert "sales-analytics" in page.inner_text("body")
    ui.asset(REVENUE, f"events&time={drawn_at(site) * 1000:.0f}", "delta_version")
    assert "plot" in ui.page.inner_text("body")


def test_the_checks_tab_reads_like_a_contract(ui: Ui):
    page = ui.asset("silver/sales/transactions", "checks", "Price_not_null")
    shown = page.inner_text("body")

    assert "ProductNo_not_null" in shown
    assert "readable" in shown
