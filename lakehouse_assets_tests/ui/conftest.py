"""A browser on the session's Dagster, with a few records already in the tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lakehouse_assets_tests.faults.conftest import site  # noqa: F401
from lakehouse_assets_tests.faults.site import Site
from lakehouse_assets_tests.ui.browser import HOW_TO_GET, Ui, browsing, executable

ROWS = 2000


@pytest.fixture(scope="package")
def ui(site: Site) -> Iterator[Ui]:  # noqa: F811
    if executable() is None:
        pytest.skip(HOW_TO_GET)
    site.send(ROWS)
    site.wait_caught_up()
    with browsing(site.settings.dagster_url) as found:
        yield found
