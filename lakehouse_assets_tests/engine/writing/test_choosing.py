"""Who writes a publication: this process, where its rows are here or fit; else Spark."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.writing import choosing, meeting_rows
from lakehouse_assets.engine.writing.arrow_writer import ArrowWriter
from lakehouse_assets.engine.writing.audits import Audit
from lakehouse_assets.engine.writing.delta import Target
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.spark_writer import SparkWriter
from lakehouse_assets.gold.sales_daily_revenue import table as gold
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.local_lake import LocalLake

KEY, DAY = "gold/sales/daily_revenue", date(2017, 3, 1)
HERE = pa.table({"n": [1]})


@pytest.fixture
def lake(tmp_path, monkeypatch) -> LocalLake:
    """With a table of three rows; nothing is asked of Spark: whatever is collected is one row, and fits."""
    lake = LocalLake(Settings(near_rows=100_000), tmp_path)
    rows = pa.table({"n": [1, 2, 3], "event_date": [DAY] * 3})
    write_deltalake(lake.uri(KEY), rows, partition_by=["event_date"])
    monkeypatch.setattr("lakehouse_assets.engine.writing.writers.collected", lambda _: HERE)
    monkeypatch.setattr(choosing, "fits", lambda frame: frame == "small")
    return lake


def chosen(lake: LocalLake, mode="merge", rows=20_000, days=(DAY,), **further) -> type:
    said = Statement("increment", "mine", tuple(days))
    publication = Publication(gold, mode, None, said, lake.ledger(KEY), audit=Audit({DAY: rows}), **further)  # type: ignore[arg-type]
    return type(choosing.writer(Target(None, lake, KEY), publication))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_many_rows_are_written_here_where_they_are_known_to_fit(lake, mode):
    """A few are anyway; of many that were not computed nobody knows."""
    assert chosen(lake, mode, computed="small") is ArrowWriter
    assert chosen(lake, mode, computed="large") is SparkWriter
    assert chosen(lake, mode) is SparkWriter
    assert chosen(lake, mode, rows=10_000) is ArrowWriter
    assert chosen(lake, mode, rows=100_001, computed="small") is SparkWriter
    assert chosen(lake, mode, rows=100_001, here=HERE) is ArrowWriter


def test_many_rows_are_merged_by_spark_into_days_of_more_than_may_be_read(lake, monkeypatch):
    """A few are looked for by name."""
    monkeypatch.setattr(meeting_rows, "MOST_READ", 2)

    assert chosen(lake, computed="small") is SparkWriter
    assert chosen(lake, "replace", computed="small") is ArrowWriter
    assert chosen(lake, rows=1_000) is ArrowWriter


def test_rows_that_turn_out_to_be_too_large_are_written_by_spark(lake, monkeypatch):
    """Where what was said of their size did not hold."""
    monkeypatch.setattr("lakehouse_assets.engine.writing.writers.collected", lambda _: None)

    assert chosen(lake, computed="small") is SparkWriter


def test_nothing_is_written_here_where_all_writing_is_sparks(lake):
    """`LAKEHOUSE_NEAR_ROWS=0`; a commit without rows as well."""
    sparks = replace(lake, settings=Settings(near_rows=0))

    assert chosen(sparks, rows=1, here=HERE) is SparkWriter
    assert chosen(sparks, "replace", days=()) is SparkWriter


def test_a_commit_without_rows_is_written_here(lake):
    """Only rows are counted."""
    assert chosen(lake, "replace", rows=10**7, days=()) is ArrowWriter
