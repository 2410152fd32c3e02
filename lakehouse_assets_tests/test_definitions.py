"""The front door: what Dagster loads."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import AssetKey

from lakehouse_assets import definitions
from lakehouse_assets.definitions import QUARANTINES, TABLES, VIEWS, defs
from lakehouse_assets.engine.grids import UNPARTED


def test_definitions_load_without_any_service():
    """Nothing calls the network at import; every job, sensor and resource is bound."""
    defs.get_repository_def().load_all_definitions()


def test_lineage_runs_from_the_topic_to_gold():
    graph = defs.resolve_asset_graph()
    upstream = {key: graph.get(key).parent_keys for key in graph.get_all_asset_keys()}
    gold, silver = AssetKey(["gold", "sales", "daily_revenue"]), AssetKey(["silver", "sales", "transactions"])
    bronze, topic = (
        AssetKey(["bronze", "sales", "transactions"]),
        AssetKey(["kafka", "sales", "transactions"]),
    )
    assert upstream[gold] == {silver}
    assert upstream[silver] == {bronze}
    assert upstream[bronze] == {topic}
    value, customers = AssetKey(["serve", "sales", "customer_value"]), AssetKey(["gold", "sales", "customer_days"])
    assert upstream[value] == {customers}
    assert upstream[customers] == {silver}


def test_lineage_runs_from_the_dropped_files_to_silver():
    graph = defs.resolve_asset_graph()
    bronze, files = AssetKey(["bronze", "sales", "products"]), AssetKey(["landing", "sales", "products"])
    assert graph.get(AssetKey(["silver", "sales", "products"])).parent_keys == {bronze}
    assert graph.get(bronze).parent_keys == {files}
    assert (graph.get(files).group_name, set(graph.get(files).kinds)) == ("sales", {"s3", "csv"})
    watched = {each.job_name for each in defs.get_repository_def().get_sensor_def("watch_sources").targets}
    assert watched == {"ingest_landing_sales_products", "ingest_sales_transactions"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.key)
def test_a_table_says_what_it_is(table):
    """The graph reads like a map: group, owner, description and described columns on every table."""
    node = defs.resolve_asset_graph().get(table.asset_key)
    assert node.group_name == table.domain
    assert table.layer in node.kinds
    assert node.owners
    assert node.description
    assert (node.partitions_def is not None) is (table.grid != UNPARTED)
    columns = node.metadata["dagster/column_schema"].columns
    assert columns
    assert all(column.description for column in columns)


@pytest.mark.parametrize("quarantine", QUARANTINES, ids=lambda quarantine: quarantine.key)
def test_every_quarantine_is_an_asset_beside_its_table(quarantine):
    """Browsable, owned by the table's owner, checked; that of an event table by day, so that it can be replayed."""
    graph = defs.resolve_asset_graph()
    node, table = graph.get(quarantine.asset_key), graph.get(quarantine.of.asset_key)
    assert (node.group_name, node.owners) == (table.group_name, table.owners)
    assert node.parent_keys == table.parent_keys
    assert {key.name for key in node.check_keys} == {"size", "age"}
    assert node.is_executable is (quarantine.of.layer == "silver")
    assert (node.partitions_def is not None) is (node.is_executable and quarantine.grid != UNPARTED)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.key)
def test_a_view_is_an_asset_that_holds_no_days(view):
    node = defs.resolve_asset_graph().get(view.asset_key)
    assert (node.group_name, node.kinds) == (view.domain, {"view", "sql"})
    assert node.partitions_def is None
    assert node.owners
    assert node.description.startswith(view.description)
    assert "```sql" in node.metadata["sql"].value


def test_the_front_door_is_short():
    """Adding a table changes nothing here, so it never grows; a project's own is one call."""
    assert len(Path(definitions.__file__).read_text().splitlines()) <= 15
