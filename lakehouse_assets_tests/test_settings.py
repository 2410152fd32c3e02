"""Settings explain their own failure, in one line that names the variable."""

from __future__ import annotations

import traceback

import pytest

from lakehouse_assets.cli import doctor
from lakehouse_assets.cli.doctor import Verdict
from lakehouse_assets.errors import SettingsError, UnavailableError
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


@pytest.mark.parametrize(
    ("remote", "address", "token"),
    [
        ("sc://host:443/;token=T;use_ssl=true", "sc://host:443/;use_ssl=true", "T"),
        ("sc://host:443/;use_ssl=true;token=a%3Db==", "sc://host:443/;use_ssl=true", "a=b=="),
        ("sc://localhost:15002/;token=T", "sc://127.0.0.1:15002", "T"),
        ("sc://host:443", "sc://host:443", ""),
    ],
)
def test_a_token_is_taken_out_of_the_spark_address(monkeypatch, tmp_path, remote, address, token):
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("SPARK_REMOTE", remote)
    settings = load()

    assert settings.spark_remote == address
    assert settings.spark_token.get_secret_value() == token


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPARK_REMOTE", "https://host/;token=hunter2"),
        ("SPARK_REMOTE", "sc//host;token=hunter2"),
        ("LAKEHOUSE_S3_ENDPOINT", "http://me:hunter2@s3.example"),
        ("LAKEHOUSE_KAFKA_BOOTSTRAP", "me:hunter2@k.example:9092"),
    ],
)
def test_an_unreadable_address_is_told_without_its_secret(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load()

    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


def test_every_error_of_the_project_is_without_any_secret_that_is_known(monkeypatch, tmp_path):
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws+secret/1")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:proxy-password@proxy.example:3128")
    monkeypatch.setenv("LAKEHOUSE_DAGSTER_POSTGRES_URL", "postgresql://me:p%40ssword@p.example/d")
    load(spark_token="the=token", kafka_sasl_password="pass'word", s3_secret_key="s3-secret")
    said = "the=token the%3Dtoken pass\\047word s3-secret aws+secret/1 aws%2Bsecret%2F1 proxy-password p@ssword"

    assert str(UnavailableError(said, where=said, do="Wait")).count("***") == 16
    assert str(UnavailableError(said, where="w", do="Wait")) == f"w: {' '.join(['***'] * 8)}. Wait."
