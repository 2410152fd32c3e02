"""What `lakehouse status` and `accept --retry` do for a table that is held."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from lakehouse_assets.cli import app
from lakehouse_assets.engine.history import holds
from lakehouse_assets.engine.history.holds import Hold
from lakehouse_assets.engine.orchestration import progress
from lakehouse_assets.engine.orchestration.holding import CODE_VERSION, standing
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services


def test_a_held_table_is_told_with_since_when_why_what_to_type_and_who_waits(lab: Lab):
    """In one line; a table that only waits for its next try says when that is."""
    lab.send(sale(1)).land()
    held = Hold(
        lab.silver.key, "a rule broke. Run `x`.", "RefusedError", CODE_VERSION, "run", "2026-11-25T20:00:00+00:00"
    )
    holds.write(lab.settings, held)
    failed = Hold(lab.gold.key, "it failed.", "ValueError", CODE_VERSION, "run", "", tries=7, temporary=True)
    holds.write(lab.settings, failed)

    first, second = progress.waiting(lab.settings, lab.tables)

    since = "2026-11-25T20:00:00+00:00"
    assert first == (f"{lab.silver.key} is held since {since}: a rule broke. Run `x`. For it waits: {lab.gold.key}.")
    assert second.startswith(f"{lab.gold.key} waits, try 7 failed: it failed. The next one in ")


def test_a_topic_that_lost_records_is_told(lab: Lab):
    """As the sensor says it."""
    lab.send(*map(sale, range(3))).ingest()
    lab.recreate_topic()

    (line,) = progress.waiting(lab.settings, lab.tables)
    assert "was recreated" in line
    assert f"lakehouse accept {lab.bronze.key}" in line


def test_retry_forgets_the_hold(services):
    """Of a table that there is; the next batch is tried as if nothing had been."""
    key = "gold/sales/daily_revenue"
    holds.write(services, Hold(key, "x", "AnswerFailsError", CODE_VERSION, "run", ""))

    done = CliRunner().invoke(app, ["accept", key, "--retry"])

    assert done.exit_code == 0, done.output
    assert "tried as if it were the first time" in done.output
    assert key not in holds.read(services)
    assert standing(services, []) == {}
