"""Commands about tables, before anything was started and with keys that nothing has."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from lakehouse_assets.cli import app
from lakehouse_assets.errors import LakehouseError, UnavailableError

COMMANDS = [
    ["show", "gold/sales/daily_revenue"],
    ["provenance", "gold/sales/daily_revenue"],
    ["backfill", "gold/sales/daily_revenue", "all", "--dry-run"],
    ["maintain", "--dry-run"],
    ["upgrade", "gold/sales/daily_revenue"],
    ["accept", "bronze/sales/transactions"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_before_the_first_start_a_command_says_how_to_start(command, tmp_path, monkeypatch):
    """At once, and without asking anybody on the network."""
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "home"))
    failed = CliRunner().invoke(app, command).exception

    assert isinstance(failed, UnavailableError)
    assert "lakehouse up" in failed.do


def test_a_key_that_no_table_has_is_answered_with_those_there_are():
    failed = CliRunner().invoke(app, ["backfill", "gold/sales/nope", "all"]).exception

    assert isinstance(failed, LakehouseError)
    assert "gold/sales/daily_revenue" in failed.do
