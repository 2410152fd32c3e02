"""Settings explain their own failure, in one line that names the variable."""

from __future__ import annotations

import pytest

from lakehouse_assets.errors import SettingsError
from lakehouse_assets.settings import load


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAKEHOUSE_CALENDAR_START", "yesterday"),
        ("LAKEHOUSE_FIRST_START", "sometime"),
        ("LAKEHOUSE_MAX_RECORDS_PER_BATCH", "0"),
        ("LAKEHOUSE_SPARK_REMOTE", "local[2]"),
        ("LAKEHOUSE_KAFKA_SECURITY_PROTOCOL", "TLS"),
    ],
)
def test_an_unreadable_value_is_one_line_that_names_the_variable(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as raised:
        load()
    assert "\n" not in str(raised.value)
    assert value in str(raised.value)


def test_a_secret_is_not_shown():
    assert "hunter2" not in repr(load(s3_secret_key="hunter2"))
