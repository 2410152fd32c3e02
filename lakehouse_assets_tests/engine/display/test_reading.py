"""Views: what is read, what an examination refuses, and what of it is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyspark.sql.types as T
import pytest
from dagster import materialize
from deltalake import write_deltalake
from pandera.pyspark import Field
from typer.testing import CliRunner

from lakehouse_assets import reading as light
from lakehouse_assets.cli import app
from lakehouse_assets.cli import reading as cli_reading
from lakehouse_assets.engine.display import reading, table_reading
from lakehouse_assets.engine.history import lake as lakes
from lakehouse_assets.engine.orchestration import view_assets
from lakehouse_assets.errors import ContractError, LakehouseError
from lakehouse_assets.serve.sales_customer_value import table as view
from lakehouse_assets_tests.engine.local_lake import LocalLake
from lakehouse_assets_tests.serve.engines import lake_of

KEY = "gold/sales/customer_days"
ROWS = [
    {
        "event_date": date(2017, 3, day),
        "CustomerNo": 4711,
        "orders": 1,
        "revenue": Decimal("2.50"),
        "last_purchase": None,
        "lines": 1,
    }
    for day in (1, 2)
]


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    return lake_of(tmp_path, view, {KEY: ROWS})


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        (view.sql.replace("AS revenue", "AS income"), "income is .*revenue is missing"),
        (view.sql.replace("AS BIGINT", "AS INT"), "orders is int32, not int64"),
        (
            view.sql.replace("GROUP BY CustomerNo", "GROUP BY CustomerNo, event_date"),
            "2 rows stand for 1 of CustomerNo",
        ),
        (view.sql.replace("sum(orders)", "NULL"), "orders is null in 1 rows"),
        (view.sql.replace("max(last_purchase)", "max(nothing)"), "the query cannot be run: .*nothing"),
    ],
    ids=["another column", "another type", "doubled grain", "null", "unknown column"],
)
def test_an_answer_other_than_the_schema_says_is_refused(lake, sql, why):
    """Each way in which a view and its schema disagree is named."""
    with pytest.raises(ContractError, match=why):
        reading.examine(lake, replace(view, sql=sql))


def test_a_rule_that_nothing_would_enforce_is_refused():
    """No rule is left out in silence."""

    class Ruled(view.schema):
        orders: T.LongType = Field(ge=0)

    with pytest.raises(ContractError, match=r"'orders: greater_than_or_equal_to.0.' would not be examined"):
        replace(view, schema=Ruled).contract  # noqa: B018


def test_materializing_a_view_shows_rows_and_a_masked_preview_and_writes_nothing(lake, monkeypatch):
    monkeypatch.setattr(view_assets, "Lake", lambda _settings: lake)
    before = sorted(path for path in lake.folder.rglob("*"))

    done = materialize([view_assets.view_asset(view)])

    [event] = done.asset_materializations_for_node(view.asset_key.to_python_identifier())
    assert event.metadata["dagster/row_count"].value == 1
    shown = event.metadata["preview"].value
    assert "5.00" in shown
    assert "4711" not in shown
    assert sorted(path for path in lake.folder.rglob("*")) == before


def test_a_table_is_read_by_key_and_a_condition_that_makes_no_sense_is_explained(lake):
    assert table_reading.read_table(lake, KEY, where="event_date = DATE '2017-03-02'").num_rows == 1
    with pytest.raises(LakehouseError, match=r"cannot be run: .*nope"):
        table_reading.read_table(lake, KEY, where="nope = 1")
    with pytest.raises(LakehouseError, match="gold/sales/other: there is no such table"):
        table_reading.read_table(lake, "gold/sales/other")


def test_quarantined_rows_beyond_the_tables_position_are_not_read(lake):
    """A dead run left them; here the table has no position at all."""
    rows = pa.table({"topic_id": ["t"], "partition": [0], "offset": [1], "reasons": [["why"]]})
    write_deltalake(lake.uri(f"{KEY}_quarantine"), rows)

    assert table_reading.read_table(lake, f"{KEY}_quarantine").num_rows == 0


def test_one_command_shows_any_table_or_view(lake, monkeypatch):
    """Rows, a condition, a limit; the same reader serves Python."""
    monkeypatch.setenv("LAKEHOUSE_S3_ENDPOINT", "http://127.0.0.1:9")
    for module in (light, lakes):
        monkeypatch.setattr(module, "Lake", lambda _settings: lake)
    shown = CliRunner().invoke(app, ["show", view.key, "--where", "orders = 2"])
    one = CliRunner().invoke(app, ["show", KEY, "--limit", "1"])

    assert (shown.exit_code, one.exit_code) == (0, 0)
    assert "(1 rows shown)" in shown.stdout
    assert "4711" in shown.stdout
    assert "(1 rows shown; there are more, see --limit)" in one.stdout
    assert light.read(view.key, where="orders = 2").to_pylist() == reading.read_view(lake, view).to_pylist()


def test_what_programs_read_is_whole_or_says_that_it_is_not(lake, monkeypatch):
    """Somebody who writes a file from it gets every row."""
    monkeypatch.setenv("LAKEHOUSE_S3_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(light, "Lake", lambda _settings: lake)
    monkeypatch.setattr(cli_reading, "SHOWN_ROWS", 1)
    rows = light.read(KEY).num_rows
    assert rows > 1

    whole = CliRunner().invoke(app, ["show", KEY, "--csv"])
    cut = CliRunner().invoke(app, ["show", KEY, "--csv", "--limit", "1"])

    assert (len(whole.stdout.splitlines()), whole.stderr) == (rows + 1, "")
    assert (len(cut.stdout.splitlines()), cut.stderr) == (2, "1 rows; there are more, beyond --limit.\n")


def test_a_table_that_holds_nothing_yet_is_told_from_one_that_nobody_declares(lake, monkeypatch):
    """By the project's files; the nearest name is told."""
    monkeypatch.setenv("LAKEHOUSE_S3_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(light, "Lake", lambda _settings: lake)

    with pytest.raises(LakehouseError, match="silver/sales/products: holds nothing yet"):
        light.read("silver/sales/products")
    with pytest.raises(LakehouseError, match=r"no such table\. Perhaps gold/sales/daily_revenue is meant"):
        light.read("gold/sales/daily_revenues")
