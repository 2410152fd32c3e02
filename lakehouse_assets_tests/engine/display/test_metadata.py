"""What Dagster shows of a run, held to what delta-rs finds in the tables."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pyspark.sql.functions as F
import pytest
from dagster import AssetMaterialization, DagsterInstance, materialize
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from deltalake import DeltaTable

from lakehouse_assets.engine.display import highlights, lineage, metadata, preview
from lakehouse_assets.engine.kinds import Table
from lakehouse_assets.engine.orchestration import news
from lakehouse_assets.engine.orchestration.assets import table_asset
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.silver import sales_transactions as silver
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.engine.orchestration.test_pipelines import run
from lakehouse_assets_tests.jobs import tick

ONCE = {
    "dagster/uri",
    "dagster/row_count",
    "dagster/column_lineage",
    highlights.LINEAGE_OF,
    "rows_in_commit",
    "table_files",
    "commit_files",
    "spark_metrics",
    "preview",
}
MOST_CHARACTERS_A_DAY = 1_500


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


def ingest(lab: Lab, instance: DagsterInstance) -> None:
    asked = tick(instance, lab.settings, lab.bronze, lab.tables, datetime.now(UTC))
    assert run(lab, instance, asked).success


def events(instance: DagsterInstance, table: Table, limit: int) -> dict[str, AssetMaterialization]:
    """The newest events by day, newest first."""
    found = instance.fetch_materializations(table.asset_key, limit=limit).records
    return {str(record.partition_key): record.asset_materialization for record in found}


def files_of(lab: Lab, table: Table) -> list[tuple[str, int]]:
    """(path, bytes) of the table's files now."""
    now = DeltaTable(lab.lake.uri(table.key), storage_options=lab.storage_options())
    actions = now.get_add_actions(flatten=True)
    return list(zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True))


@pytest.mark.services
@pytest.mark.slow
def test_each_day_says_what_it_holds_and_the_newest_one_shows_the_run(lab: Lab, instance, monkeypatch):
    """Sizes as delta-rs finds them; what is large is said once a run, and Spark is asked for the lineage once."""
    asked = []
    of_spark = lineage.column_lineage
    monkeypatch.setattr(news, "LAST_LOOKS_APART_SECONDS", 0.0)
    monkeypatch.setattr(lineage, "column_lineage", lambda *given: asked.append(1) or of_spark(*given))
    lab.send(sale(1), sale(2), sale(3, date="2017-03-02"))
    ingest(lab, instance)
    lab.send(sale(4), sale(5, date="2017-03-02", CustomerNo=424242), b"bad")
    ingest(lab, instance)

    for table in lab.tables:
        newest, other = events(instance, table, 2).values()
        assert (newest.partition, other.partition) == ("2017-03-02", "2017-03-01")
        check_sizes(lab, table, newest, other)
        assert newest.metadata.keys() - other.metadata.keys() >= ONCE
        assert (
            len(json.dumps({name: str(value.value) for name, value in other.metadata.items()})) < MOST_CHARACTERS_A_DAY
        )
        assert "424242" not in str(newest.metadata)
    assert len(asked) == len(lab.tables)
    refined, answered = (next(iter(events(instance, table, 1).values())).metadata for table in (lab.silver, lab.gold))
    assert refined["quarantined_rows"].value == 1
    assert "num_added_rows | 2" in refined["spark_metrics"].value.replace("\\", "")
    assert refined["contract_version"].value == lab.silver.contract.version
    assert answered["plot"].value.startswith("![last 90 days](data:image/png;base64,")

    check_that_a_part_that_fails_is_left_out(lab, instance, monkeypatch)
    check_that_a_rebuild_says_the_same_of_each_day(lab, instance)


def check_sizes(lab: Lab, table: Table, newest: AssetMaterialization, other: AssetMaterialization) -> None:
    days = [str(row["event_date"]) for row in lab.rows(table.key, "event_date")]
    assert newest.metadata["dagster/row_count"].value == len(days)
    files = files_of(lab, table)
    for event in (newest, other):
        held = [size for path, size in files if f"event_date={event.partition}/" in path]
        assert event.metadata["dagster/partition_row_count"].value == days.count(str(event.partition))
        assert event.metadata["files"].value == metadata.files_shown(len(held), sum(held))
        assert event.metadata["files_written"].value.startswith("1 (")


def check_that_a_part_that_fails_is_left_out(lab: Lab, instance: DagsterInstance, monkeypatch) -> None:
    """The rows are committed: the run succeeds, and says the rest."""
    lab.send(sale(6))
    with monkeypatch.context() as patch:
        patch.setattr(preview, "of_files", lambda *_: 1 / 0)
        patch.setattr(metadata.commit_log, "sizes", lambda *_: 1 / 0)
        ingest(lab, instance)

    [event] = events(instance, lab.silver, 1).values()
    assert "preview" not in event.metadata
    assert "dagster/partition_row_count" not in event.metadata
    assert event.metadata["delta_version"].value == lab.lake.version(lab.silver.key)
    assert "dagster/column_lineage" in event.metadata


def check_that_a_rebuild_says_the_same_of_each_day(lab: Lab, instance: DagsterInstance) -> None:
    """One event for each partition with its own day's facts; schema, preview and plot on the newest only."""
    spark = SparkConnect()
    days = {ASSET_PARTITION_RANGE_START_TAG: "2017-02-28", ASSET_PARTITION_RANGE_END_TAG: "2017-03-02"}
    resources = {"spark": spark, "delta": DeltaIOManager(spark=spark)}
    asset = table_asset(lab.gold, lab.settings)
    assert materialize([asset], instance=instance, resources=resources, tags=days).success

    rebuilt = events(instance, lab.gold, 3)
    assert [*rebuilt] == ["2017-03-02", "2017-03-01", "2017-02-28"]
    rows = [event.metadata["dagster/partition_row_count"].value for event in rebuilt.values()]
    assert rows == [1, 1, 0]
    assert ["plot" in event.metadata for event in rebuilt.values()] == [True, False, False]
    schema = rebuilt["2017-03-02"].metadata["dagster/column_schema"].value
    assert [column.name for column in schema.columns] == lab.gold.contract.fields.names
    assert schema.columns[1].description == "Sum of line totals in USD, cancellations taken off"


@pytest.mark.services
def test_a_plan_that_cannot_be_read_is_not_asked_for_again(lab: Lab, instance, monkeypatch):
    """It gives no lineage, no warning, and costs nothing from the second run on."""
    marked = replace(lab.gold, transform=lambda rows: lab.gold.transform(rows).where(F.lit("x#1") != "y"))
    found = highlights.column_lineage(marked, lab.spark, lab.lake, instance)
    instance.report_runless_asset_event(AssetMaterialization(marked.asset_key, metadata=found))
    monkeypatch.setattr(lineage, "column_lineage", lambda *_: 1 / 0)

    again = highlights.column_lineage(marked, lab.spark, lab.lake, instance)

    assert found == again == {highlights.LINEAGE_OF: found[highlights.LINEAGE_OF]}


def test_personal_columns_are_tagged_in_the_schema():
    """So that a reader of the UI sees why they are masked."""
    shown = highlights.table_schema(silver.table, silver.table.contract.fields)

    assert [column.name for column in shown.columns if column.tags] == ["CustomerNo"]


def test_metrics_are_readable_and_zeros_are_left_out():
    """Delta writes them as texts."""
    assert metadata.metrics_table({"numOutputRows": "12345", "numRemovedFiles": "0"}).splitlines()[2:] == [
        "| numOutputRows | 12,345 |"
    ]


@pytest.mark.parametrize(
    ("files", "size", "removed", "shown"),
    [
        (0, 0, 0, "0 (0 bytes)"),
        (1, 999, 0, "1 (999 bytes)"),
        (1234, 2_500_000, 3, "1,234 (2.5 MB), 3 removed"),
        (2, 1_000, 0, "2 (1.0 kB)"),
        (2, 7_000_000_000, 0, "2 (7.0 GB)"),
    ],
)
def test_sizes_are_readable(files, size, removed, shown):
    """In decimal units, as Dagster shows its own."""
    assert metadata.files_shown(files, size, removed) == shown
