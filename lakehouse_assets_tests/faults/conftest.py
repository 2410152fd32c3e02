"""The session's services with a Dagster daemon beside them."""

from __future__ import annotations

import pytest

from lakehouse_assets_tests.faults.site import Site

_used_by: list[str] = []


@pytest.fixture(scope="module")
def site(stack, request: pytest.FixtureRequest) -> Site:
    """For one module a session: each counts every record ever sent, and sends others."""
    if _used_by:
        pytest.fail(f"{_used_by[0]} has filled the lakehouse of this session: `make test-slow` gives each its own")
    _used_by.append(request.module.__name__)
    stack.up("dagster")
    return Site(stack, stack.settings.home / "manifest.jsonl")
