"""What a command does not need it does not import: Dagster alone costs as much as all that `status` reads."""

from __future__ import annotations

import subprocess
import sys

import pytest

STATUS = "lakehouse_assets.registry, lakehouse_assets.engine.orchestration.progress"
BACKFILL = "lakehouse_assets.engine.orchestration.backfills"
SHOW = "lakehouse_assets.cli.rows, lakehouse_assets.engine.display.table_reading, lakehouse_assets.engine.history.lake"
SERVICES = "lakehouse_assets.services.stack, lakehouse_assets.cli.lag"
MODELS = frozenset({"pandera", "pandas"})
"""What a table's file needs; a table's log does not."""


@pytest.mark.parametrize(
    ("needed", "spared"),
    [
        (f"{STATUS}, {BACKFILL}", {"dagster"}),
        (SHOW, {"dagster", "pyspark.sql.connect", *MODELS}),
        (SERVICES, {"dagster", "pyspark", *MODELS}),
    ],
)
def test_a_command_imports_only_what_it_needs(needed: str, spared: set[str]):
    """In a process of its own, with every command registered."""
    code = f"import lakehouse_assets.cli, {needed}, sys; print(*({spared!r} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
