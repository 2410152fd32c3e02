"""Keys from the settings or AWS's usual chain; Amazon's own S3 by https where no endpoint is given."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable

from lakehouse_assets.access import s3
from lakehouse_assets.settings import Settings, load

ELSEWHERE = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION")


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """An environment that says nothing of the store."""
    for name in ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3._chain.cache_clear()
    yield monkeypatch
    s3._chain.cache_clear()


def test_without_endpoint_and_keys_every_client_takes_amazons_s3_and_the_usual_chain(bare):
    settings = Settings(s3_region="eu-west-1")

    assert s3.delta_rs(settings) == {"AWS_REGION": "eu-west-1"}
    assert s3.s3a(settings)["connection.ssl.enabled"] == "true"
    assert s3.s3a(settings)["path.style.access"] == "false"
    assert s3.s3a(settings)["aws.credentials.provider"].endswith(".DefaultCredentialsProvider")
    assert "endpoint" not in s3.s3a(settings)
    assert s3.client(settings).meta.endpoint_url == "https://s3.eu-west-1.amazonaws.com"


def test_sparks_properties_never_hold_the_keys():
    settings = Settings(s3_endpoint="http://h:1", s3_access_key="AKEY", s3_secret_key="hunter2")

    assert "hunter2" not in str(s3.s3a(settings))
    assert "AKEY" not in str(s3.s3a(settings))
    assert s3.s3a(settings)["connection.ssl.enabled"] == "false"


def test_awss_own_variables_name_the_endpoint(bare):
    bare.setenv("AWS_ENDPOINT_URL", "https://minio.example")
    bare.setenv("AWS_REGION", "eu-north-1")

    assert (load().s3_endpoint, load().s3_region, load().s3_access_key) == ("https://minio.example", "eu-north-1", "")


def test_ours_win_over_awss(bare):
    bare.setenv("AWS_ENDPOINT_URL", "https://minio.example")
    bare.setenv("LAKEHOUSE_S3_ENDPOINT", "https://other.example")

    assert load().s3_endpoint == "https://other.example"


def test_delta_rs_gets_the_keys_of_a_profile(bare, tmp_path):
    (tmp_path / "keys").write_text("[mine]\naws_access_key_id=AKEY\naws_secret_access_key=ASECRET\n")
    bare.setenv("AWS_PROFILE", "mine")

    assert s3.delta_rs(load()) == {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKEY",
        "AWS_SECRET_ACCESS_KEY": "ASECRET",
    }


@pytest.mark.services
@pytest.mark.parametrize("by", ["variables", "profile"])
def test_boto3_and_delta_rs_find_the_keys_in_the_usual_chain(stack, bare, tmp_path, by):
    """Given a store whose address and keys only AWS's own variables, or a profile, tell."""
    own = stack.service("s3").site.settings
    key, secret = own.s3_access_key, own.s3_secret_key.get_secret_value()
    bare.setenv("AWS_ENDPOINT_URL", own.s3_endpoint)
    if by == "variables":
        bare.setenv("AWS_ACCESS_KEY_ID", key)
        bare.setenv("AWS_SECRET_ACCESS_KEY", secret)
    else:
        (tmp_path / "keys").write_text(f"[mine]\naws_access_key_id={key}\naws_secret_access_key={secret}\n")
        bare.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
        bare.setenv("AWS_PROFILE", "mine")
    settings = load()

    assert settings.s3_access_key == ""
    s3.require_conditional_put(s3.client(settings), settings.bucket)
    assert not DeltaTable.is_deltatable(f"s3://{settings.bucket}/none", storage_options=s3.delta_rs(settings))
