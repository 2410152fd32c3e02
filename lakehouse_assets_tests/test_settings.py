"""Settings explain their own failure, in one line that names the variable."""

from __future__ import annotations

import pytest

from lakehouse_assets.cli import doctor
from lakehouse_assets.cli.doctor import Verdict
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.settings import load, unknown_names


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


def test_a_name_that_is_no_setting_is_noticed_with_the_nearest_that_is(monkeypatch):
    """Nothing reads it, so nothing else would tell; what services and tests read for themselves is known."""
    for name in ("LAKEHOUSE_STATE", "LAKEHOUSE_BUCKET"):
        monkeypatch.setenv(name, "x")
    before = unknown_names()
    monkeypatch.setenv("LAKEHOUSE_SPARK_HEEP", "4g")
    monkeypatch.setenv("LAKEHOUSE_ZZZ", "1")
    assert unknown_names() == {**before, "LAKEHOUSE_SPARK_HEEP": "LAKEHOUSE_SPARK_HEAP", "LAKEHOUSE_ZZZ": ""}
    told = {each.found.split()[0]: (each.verdict, each.do) for each in doctor._names()}
    assert told["LAKEHOUSE_SPARK_HEEP"] == (Verdict.WARN, "Rename it to LAKEHOUSE_SPARK_HEAP, or unset it")
