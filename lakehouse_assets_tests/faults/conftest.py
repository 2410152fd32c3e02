"""One lakehouse with its daemon for all tests of this folder."""

from __future__ import annotations

import pytest

from lakehouse_assets.services.stack import Stack
from lakehouse_assets_tests.faults.site import Site


@pytest.fixture(scope="package")
def site(tmp_path_factory):
    home = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(home))
        patch.setenv("LAKEHOUSE_RETRY_BASE_SECONDS", "1")
        patch.setenv("LAKEHOUSE_SENSOR_INTERVAL_SECONDS", "1")
        stack = Stack(home)
        stack.up()
        try:
            yield Site(stack, home / "manifest.jsonl")
        finally:
            stack.down()
