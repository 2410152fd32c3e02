"""Bytes as they are: nothing is read, so nothing can be wrong."""

from __future__ import annotations

import pytest

from lakehouse_assets.engine.decoding import Bytes
from lakehouse_assets.errors import ContractError
from lakehouse_assets_tests.engine.decoding.decoded import decoded

pytestmark = pytest.mark.services
VALUES = [b"", b"\0\xff", None, b'{"a":1}']


def test_each_value_is_kept_as_it_is(spark):
    found = decoded(spark, Bytes("payload"), VALUES)

    assert [row["payload"] for row in found] == VALUES
    assert all((row["unreadable"], row["absent"], row["undeclared"]) == ([], [], None) for row in found)


def test_bytes_have_no_time_and_no_column_of_the_engine():
    with pytest.raises(ContractError, match="at"):
        Bytes().event_time("at")
    with pytest.raises(ContractError, match="offset"):
        Bytes("offset")
