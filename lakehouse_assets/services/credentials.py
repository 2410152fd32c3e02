"""What the embedded services ask for: generated once, kept in the private `services.json`."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping

CREDENTIALS = ("kafka_password", "postgres_password", "spark_secret", "spark_token", "s3_signing")
"""Those that are no field of the settings."""
_BYTES = 30


def complete(credentials: Mapping[str, str]) -> dict[str, str]:
    """Every credential: the kept one, or a new one."""
    return {name: credentials.get(name) or secrets.token_urlsafe(_BYTES) for name in CREDENTIALS}


def kafka_id() -> str:
    """A cluster id as Kafka writes them; one that starts with a dash would look like an option."""
    while (text := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")).startswith("-"):
        pass
    return text
