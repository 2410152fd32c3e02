"""The session's services with a Dagster daemon beside them."""

from __future__ import annotations

import pytest

from lakehouse_assets_tests.faults.site import Site


@pytest.fixture(scope="package")
def site(stack) -> Site:
    stack.up("dagster")
    return Site(stack, stack.settings.home / "manifest.jsonl")
