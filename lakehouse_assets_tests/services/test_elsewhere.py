"""Which services are embedded and which are elsewhere, by settings alone."""

from __future__ import annotations

import pytest

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services import endpoints
from lakehouse_assets.services.endpoints import Modes
from lakehouse_assets.services.external import AMAZON, elsewhere, require
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import load


@pytest.fixture
def kept(home, monkeypatch):
    """Endpoints of a home in which every service was started once."""
    for name in ("AWS_ENDPOINT_URL", "SPARK_REMOTE", "LAKEHOUSE_SPARK_REMOTE", "LAKEHOUSE_KAFKA_BOOTSTRAP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAKEHOUSE_HOME", str(home.root))
    return endpoints.settle(home, modes=Modes("SASL_SSL", postgres=True, spark_workers=2))[0]


def test_what_was_settled_is_embedded(kept):
    assert elsewhere(load(), kept) == {}


def test_addresses_that_equal_the_kept_ones_are_the_embedded_services(kept, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_KAFKA_BOOTSTRAP", kept.kafka_bootstrap)
    monkeypatch.setenv("SPARK_REMOTE", kept.spark_remote)
    monkeypatch.setenv("AWS_ENDPOINT_URL", kept.s3_endpoint)

    assert elsewhere(load(), kept) == {}
    assert load().s3_access_key == kept.s3_access_key


@pytest.mark.parametrize(
    ("name", "value", "service", "shown"),
    [
        ("LAKEHOUSE_KAFKA_BOOTSTRAP", "k.example:9092", "kafka", "k.example:9092"),
        ("LAKEHOUSE_S3_ENDPOINT", "https://s3.example", "s3", "https://s3.example"),
        ("AWS_ENDPOINT_URL", "https://s3.example", "s3", "https://s3.example"),
        ("LAKEHOUSE_EMBEDDED_S3", "false", "s3", AMAZON),
        ("LAKEHOUSE_S3_ACCESS_KEY", "AKIA", "s3", AMAZON),
        ("SPARK_REMOTE", "sc://s.example:443/;token=hunter2", "spark", "sc://s.example:443"),
        ("LAKEHOUSE_DAGSTER_POSTGRES_URL", "postgresql://me:hunter2@p.example/d", "postgres", "p.example/d"),
    ],
)
def test_one_variable_places_a_service_elsewhere_and_no_secret_is_shown(kept, monkeypatch, name, value, service, shown):
    monkeypatch.setenv(name, value)

    assert elsewhere(load(), kept) == {service: shown}
    assert service not in Stack(load())._services(kept)


def test_an_address_elsewhere_does_not_get_the_embedded_services_credentials(kept, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_KAFKA_BOOTSTRAP", "k.example:9092")
    monkeypatch.setenv("LAKEHOUSE_S3_ENDPOINT", "https://s3.example")
    settings = load()

    assert settings.kafka_security_protocol == "PLAINTEXT"
    assert not settings.kafka_sasl_password.get_secret_value()
    assert not settings.s3_access_key
    assert not settings.s3_secret_key.get_secret_value()


def test_our_spark_variable_wins_over_the_standard_one(kept, monkeypatch):
    monkeypatch.setenv("SPARK_REMOTE", "sc://standard.example:1")
    monkeypatch.setenv("LAKEHOUSE_SPARK_REMOTE", "sc://ours.example:1")

    assert load().spark_remote == "sc://ours.example:1"


def test_modes_stay_until_the_environment_says_something_else(kept, home, monkeypatch):
    assert Modes.of(load()) == Modes("SASL_SSL", postgres=True, spark_workers=2)

    monkeypatch.setenv("LAKEHOUSE_EMBEDDED_POSTGRES", "false")
    changed, _ = endpoints.settle(home, modes=Modes.of(load()))

    assert changed.modes == Modes("SASL_SSL", postgres=False, spark_workers=2)
    assert not load().dagster_postgres_url.get_secret_value()


def test_the_mode_of_a_running_service_stays_and_one_line_says_so(kept, home):
    changed, (note,) = endpoints.settle(home, running={"kafka"}, modes=Modes(postgres=True, spark_workers=2))

    assert changed.modes.kafka_security == "SASL_SSL"
    assert "kafka is up" in note


def test_a_home_of_an_older_version_gets_what_it_lacks(kept, home):
    path = home.root / "services.json"
    path.write_text('{"ports": {}, "s3_access_key": "a", "s3_secret_key": "b", "kafka_cluster_id": "c"}')

    found, _ = endpoints.settle(home)

    assert (found.s3_secret_key, found.kafka_cluster_id) == ("b", "c")
    assert all(found.credentials[name] for name in endpoints.CREDENTIALS)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("kafka", {"kafka_bootstrap": "127.0.0.1:9"}),
        ("s3", {"s3_endpoint": "http://127.0.0.1:9", "s3_access_key": "a", "s3_secret_key": "hunter2"}),
        ("spark", {"spark_remote": "sc://127.0.0.1:9"}),
        ("postgres", {"dagster_postgres_url": "postgresql://me:hunter2@127.0.0.1:9/d"}),
    ],
)
def test_a_service_elsewhere_that_does_not_answer_is_one_line_without_a_secret(kept, name, given):
    with pytest.raises(ServiceError, match=f"^{name}: does not answer") as raised:
        require(name, load(**given))

    assert "\n" not in str(raised.value)
    assert "hunter2" not in str(raised.value)
