"""Every kind of Kafka client gets what it needs, and a Java client no password."""

from __future__ import annotations

import pytest

from lakehouse_assets.access import kafka
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.settings import Settings

PASSWORD = "p'w;d\"\\ =%"


def secured(**other: object) -> Settings:
    return Settings(
        kafka_bootstrap="kafka.example:9093",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username="me",
        kafka_sasl_password=PASSWORD,
        **other,
    )


def test_a_plain_broker_needs_only_its_address():
    settings = Settings(kafka_bootstrap="h:1")

    assert kafka.client(settings) == {"bootstrap.servers": "h:1", "log_level": 0}
    assert kafka.spark(settings) == {"kafka.bootstrap.servers": "h:1"}
    assert kafka.login(settings) == {}


def test_a_native_client_gets_user_password_and_authority(tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text("PEM")
    options = kafka.client(secured(kafka_ssl_ca=ca))

    assert options["security.protocol"] == "SASL_SSL"
    assert (options["sasl.username"], options["sasl.password"]) == ("me", PASSWORD)
    assert options["sasl.mechanism"] == "SCRAM-SHA-512"
    assert options["ssl.ca.location"] == str(ca)


def test_spark_gets_the_authority_and_where_its_login_is_but_no_password(tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text("PEM")
    options = kafka.spark(secured(kafka_ssl_ca=ca))

    assert options["kafka.ssl.truststore.certificates"] == "PEM"
    assert options["kafka.sasl.jaas.config"] == "${env:LAKEHOUSE_KAFKA_JAAS}"
    assert PASSWORD not in str(options)


def test_no_character_of_a_password_ends_its_quotes_or_its_line_in_a_configuration_file():
    line = kafka.login(secured())["LAKEHOUSE_KAFKA_JAAS"]

    assert line.startswith("org.apache.kafka.common.security.scram.ScramLoginModule required username='me' password='")
    assert line.endswith("';")
    password = line.rpartition("password='")[2].removesuffix("';")
    assert not set(password) & set("'\";% =")
    assert password.encode().decode("unicode_escape") == PASSWORD


@pytest.mark.parametrize("missing", ["kafka_sasl_username", "kafka_sasl_password"])
def test_a_missing_user_or_password_is_named(missing):
    with pytest.raises(SettingsError, match=f"LAKEHOUSE_{missing.upper()}"):
        kafka.client(secured().model_copy(update={missing: ""}))


def test_an_authority_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match="LAKEHOUSE_KAFKA_SSL_CA"):
        kafka.client(secured(kafka_ssl_ca=tmp_path / "none.pem"))
