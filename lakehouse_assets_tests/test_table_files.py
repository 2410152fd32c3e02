"""A table is one file, and its test another."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.registry import TABLES, VIEWS

TESTS = Path(__file__).parent


@pytest.mark.parametrize("key", [each.key for each in (*TABLES, *VIEWS)])
def test_each_table_has_a_test_file_of_its_own(key):
    """Named as the table's file, in the folder of its layer; it imports the table and tests something."""
    layer, domain, table = key.split("/")
    text = (TESTS / layer / f"test_{domain}_{table}.py").read_text()
    assert f"from lakehouse_assets.{layer}.{domain}_{table} import " in text
    assert "\ndef test_" in text
