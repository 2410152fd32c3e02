"""Kafka's address, encryption and sign-in, as each kind of client takes them.

A Java client gets no password: it reads its login from the environment variable `LAKEHOUSE_KAFKA_JAAS` of its own
process, so that the password is in no plan, no option and no event log of Spark.
"""

from __future__ import annotations

from typing import Any

from lakehouse_assets.errors import SettingsError
from lakehouse_assets.settings import Settings

LOGIN = "LAKEHOUSE_KAFKA_JAAS"
"""Environment variable with the login of a Java client; set it on a Spark that is not started here."""
MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
FROM_ENVIRONMENT = "org.apache.kafka.common.config.provider.EnvVarConfigProvider"


def client(settings: Settings) -> dict[str, Any]:
    """Options of a confluent-kafka client; hold the password, so never log them.

    Raises:
        SettingsError: a user name, a password or the CA file is missing.
    """
    options: dict[str, Any] = {"bootstrap.servers": settings.kafka_bootstrap, "log_level": 0}
    if settings.kafka_security_protocol != "PLAINTEXT":
        options["security.protocol"] = settings.kafka_security_protocol
    if signs_in(settings):
        options |= {
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.username": settings.kafka_sasl_username,
            "sasl.password": settings.kafka_sasl_password.get_secret_value(),
        }
    if encrypted(settings) and settings.kafka_ssl_ca:
        _authority(settings)
        options["ssl.ca.location"] = str(settings.kafka_ssl_ca)
    return options


def spark(settings: Settings) -> dict[str, str]:
    """Options of Spark's Kafka source; no secret among them.

    Raises:
        SettingsError: a user name, a password or the CA file is missing.
    """
    options = {"bootstrap.servers": settings.kafka_bootstrap}
    if settings.kafka_security_protocol != "PLAINTEXT":
        options["security.protocol"] = settings.kafka_security_protocol
    if signs_in(settings):
        options |= {
            "config.providers": "env",
            "config.providers.env.class": FROM_ENVIRONMENT,
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.jaas.config": f"${{env:{LOGIN}}}",
        }
    if encrypted(settings) and settings.kafka_ssl_ca:
        options |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": _authority(settings)}
    return {f"kafka.{name}": value for name, value in options.items()}


def login(settings: Settings) -> dict[str, str]:
    """The environment of a Java process whose Kafka clients sign in; empty where they don't."""
    if not signs_in(settings):
        return {}
    user, password = settings.kafka_sasl_username, settings.kafka_sasl_password.get_secret_value()
    return {LOGIN: jaas(settings.kafka_sasl_mechanism, username=user, password=password)}


def jaas(mechanism: str, **options: str) -> str:
    """One line of a Java login configuration, its values quoted."""
    values = "".join(f" {name}='{_quoted(value)}'" for name, value in options.items())
    return f"{MODULES[mechanism]} required{values};"


def signs_in(settings: Settings) -> bool:
    """Whether clients sign in with a user name and a password.

    Raises:
        SettingsError: one of them is missing.
    """
    if not settings.kafka_security_protocol.startswith("SASL_"):
        return False
    for name in ("kafka_sasl_username", "kafka_sasl_password"):
        if not getattr(settings, name):
            raise SettingsError(
                f"{settings.kafka_security_protocol} needs a user name and a password",
                where="settings",
                do=f"Set LAKEHOUSE_{name.upper()}",
            )
    return True


def encrypted(settings: Settings) -> bool:
    """Whether clients speak TLS."""
    return settings.kafka_security_protocol.endswith("SSL")


def _authority(settings: Settings) -> str:
    """The PEM text of the authority that the settings name."""
    path = settings.kafka_ssl_ca
    try:
        return path.read_text() if path else ""
    except OSError as error:
        raise SettingsError(
            f"cannot read {path} ({error.strerror})",
            where="settings",
            do="Let LAKEHOUSE_KAFKA_SSL_CA name a PEM file",
        ) from error


def _quoted(value: str) -> str:
    """Octal escapes for what could end a quoted value, here or in a configuration file that carries it."""
    return "".join(each if each.isalnum() or each in "-_." else f"\\{ord(each):03o}" for each in value)
