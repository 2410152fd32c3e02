"""The landing prefix as the store tells of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lakehouse_assets.engine.sources import landing


@pytest.mark.parametrize(
    "stated", ["2026-01-02T03:04:05.000Z", "2026-01-02T04:04:05+01:00", "Fri, 02 Jan 2026 03:04:05 GMT", 1767323045]
)
def test_a_time_is_read_in_every_form_that_a_store_may_state_it_in(stated):
    """A listing's is ISO, a header's is not."""
    assert landing._time(stated) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
