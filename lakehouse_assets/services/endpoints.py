"""Ports, credentials and modes of the embedded services, made once and kept in `services.json`.

The file's keys are `Settings` fields, so that every program reads them by `settings.load()`; `ports` and `private`
have the rest. A mode (whether Kafka asks for a password, say) stays until the environment says something else: data
lies behind it.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import secrets
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.redaction import remember
from lakehouse_assets.services.credentials import CREDENTIALS, complete, kafka_id
from lakehouse_assets.services.home import Home, write_private
from lakehouse_assets.settings import SERVICES_FILE, Settings

HOST = "127.0.0.1"
PORTS_BELOW_EPHEMERAL = range(18_000, 30_000)
PORTS: Mapping[str, tuple[str, ...]] = {
    "kafka": ("kafka", "kafka_controller"),
    "s3": (
        *("s3", "s3_grpc", "s3_master", "s3_master_grpc", "s3_volume", "s3_volume_grpc"),
        *("s3_filer", "s3_filer_grpc", "s3_admin"),
    ),
    "spark": ("spark", "spark_master", "spark_master_ui"),
    "postgres": ("postgres",),
    "dagster": ("dagster",),
}
"""Which ports each service opens."""
ADMIN_GRPC_OFFSET = 10_000
"""SeaweedFS's own worker looks for the admin server's gRPC here, whatever port that was given."""
PORTS_OF: Mapping[str, range] = {"s3_admin": range(20_000, 22_000)}
"""Where a port is chosen that brings another one along: that one then is below the ephemeral range as well."""
UI = "dagster"
USER = "lakehouse"
"""Name of the one user of each embedded service, and of the database."""


@dataclass(frozen=True)
class Modes:
    """What is chosen for the embedded services; takes effect when they start."""

    kafka_security: str = "PLAINTEXT"
    postgres: bool = False
    spark_workers: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Modes:
        """The modes that the settings ask for."""
        return cls(settings.embedded_kafka_security, settings.embedded_postgres, settings.spark_workers)


@dataclass(frozen=True)
class Endpoints:
    """Where the embedded services answer, and how to sign in."""

    ports: Mapping[str, int]
    s3_access_key: str
    s3_secret_key: str
    kafka_cluster_id: str
    credentials: Mapping[str, str] = field(default_factory=dict)
    """The generated ones that are no `Settings` field, by the names in `CREDENTIALS`."""
    modes: Modes = Modes()
    kafka_ca: Path | None = None
    """PEM file with the authority that signs the broker's certificate."""

    def __post_init__(self) -> None:
        remember([self.s3_secret_key, *self.credentials.values()])

    @property
    def kafka_bootstrap(self) -> str:
        """`host:port` of the broker."""
        return f"{HOST}:{self.ports.get('kafka', 0)}"

    @property
    def s3_endpoint(self) -> str:
        """URL of the S3 server."""
        return f"http://{HOST}:{self.ports.get('s3', 0)}"

    @property
    def spark_remote(self) -> str:
        """Spark Connect address."""
        return f"sc://{HOST}:{self.ports.get('spark', 0)}"

    @property
    def dagster_url(self) -> str:
        """URL of the Dagster webserver."""
        return f"http://{HOST}:{self.ports.get('dagster', 0)}"

    @property
    def postgres_url(self) -> str:
        """Address of Dagster's database, with its password; empty where there is none."""
        if not self.modes.postgres:
            return ""
        password = self.credentials["postgres_password"]
        return f"postgresql://{USER}:{password}@{HOST}:{self.ports.get('postgres', 0)}/{USER}"

    def as_settings(self) -> dict[str, Any]:
        """All of it as `Settings` fields."""
        return {
            "kafka_bootstrap": self.kafka_bootstrap,
            **self._kafka(),
            "embedded_kafka_security": self.modes.kafka_security,
            "s3_endpoint": self.s3_endpoint,
            "s3_access_key": self.s3_access_key,
            "s3_secret_key": SecretStr(self.s3_secret_key),
            "spark_remote": self.spark_remote,
            "spark_token": SecretStr(self.credentials.get("spark_token", "")),
            "spark_workers": self.modes.spark_workers,
            "dagster_url": self.dagster_url,
            "dagster_postgres_url": SecretStr(self.postgres_url),
            "embedded_postgres": self.modes.postgres,
        }

    def _kafka(self) -> dict[str, Any]:
        secured = self.modes.kafka_security != "PLAINTEXT"
        return {
            "kafka_security_protocol": self.modes.kafka_security,
            "kafka_sasl_username": USER if secured else "",
            "kafka_sasl_password": SecretStr(self.credentials["kafka_password"] if secured else ""),
            "kafka_ssl_ca": self.kafka_ca if secured else None,
        }

    def as_json(self) -> str:
        """The content of `services.json`."""
        private = {"kafka_cluster_id": self.kafka_cluster_id, **self.credentials}
        values = {**self.as_settings(), "private": private, "ports": dict(self.ports)}
        return json.dumps(values, indent=2, default=_plain) + "\n"


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def is_usable(name: str, port: int) -> bool:
    """Whether a port is free, and the one that it brings along."""
    return is_free(port) and (name != "s3_admin" or is_free(port + ADMIN_GRPC_OFFSET))


def choose_port(name: str, taken: Collection[int] = (), home: Path | None = None) -> int:
    """A free port outside the range that the kernel gives to outgoing connections.

    That of the UI follows from the state folder's path, so that links in old alerts lead somewhere also after the
    folder was deleted and made anew.
    """
    among = PORTS_OF.get(name, PORTS_BELOW_EPHEMERAL)
    usual = [_usual_port(home, among)] if home and name == UI else []
    for port in (*usual, *random.sample(among, len(among))):
        if port not in taken and is_usable(name, port):
            return port
    raise ServiceError(
        f"no port between {among.start} and {among.stop} is free",
        where="services",
        do="End some of the programs that listen there",
    )


def _usual_port(home: Path, among: range) -> int:
    digest = hashlib.sha256(os.fsencode(home.resolve())).digest()
    return among[int.from_bytes(digest[:8], "big") % len(among)]


def read(home: Home) -> Endpoints | None:
    """The endpoints kept in this home, or None before the first start.

    Raises:
        ServiceError: the file is there and cannot be read.
    """
    path = home.root / SERVICES_FILE
    try:
        return _parse(home, json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(
            f"cannot read {path} ({error})",
            where="services",
            do="Restore it; without it the kept data has no key",
        ) from error


def _parse(home: Home, kept: dict[str, Any]) -> Endpoints:
    private = kept.get("private", {})
    cluster_id = private["kafka_cluster_id"] if private else kept["kafka_cluster_id"]
    security, workers = kept.get("embedded_kafka_security", "PLAINTEXT"), kept.get("spark_workers", 0)
    return Endpoints(
        kept["ports"],
        kept["s3_access_key"],
        kept["s3_secret_key"],
        cluster_id,
        complete({name: private[name] for name in CREDENTIALS if name in private}),
        Modes(security, kept.get("embedded_postgres", False), workers),
        _authority(home),
    )


def _authority(home: Home) -> Path:
    return home.root / "kafka" / "ca.pem"


def settle(
    home: Home,
    *,
    running: Collection[str] = (),
    fixed: Mapping[str, int] | None = None,
    modes: Modes | None = None,
) -> tuple[Endpoints, list[str]]:
    """Give every service its ports and credentials: the kept ones, unless somebody else took a port.

    Args:
        home: where they are kept.
        running: services that are up: their ports and modes stay.
        fixed: ports asked for by a setting, by name.
        modes: what is asked for by settings; the kept modes without it.

    Returns:
        The endpoints and one line for each port that had to move and each mode that could not change.

    Raises:
        ServiceError: a fixed port is taken.
    """
    kept = read(home) or _new_credentials(home)
    ports, notes = dict(kept.ports), []
    for service, names in PORTS.items():
        for name in names if service not in running else ():
            before = ports.get(name)
            ports[name] = _settle_port(home, name, before, (fixed or {}).get(name, 0), set(ports.values()))
            if before not in (None, ports[name]) and not (fixed or {}).get(name):
                notes.append(f"port {before} ({name}) is taken by another program: using {ports[name]}")
    chosen, held = _settle_modes(kept.modes, modes or kept.modes, running)
    settled = replace(kept, ports=ports, modes=chosen)
    home.folder()
    write_private(home.root / SERVICES_FILE, settled.as_json())
    return settled, [*notes, *held]


def _settle_modes(kept: Modes, asked: Modes, running: Collection[str]) -> tuple[Modes, list[str]]:
    """The modes of running services stay as they are, and a line says so."""
    chosen, notes = asked, []
    owners = {"kafka_security": "kafka", "postgres": "dagster", "spark_workers": "spark"}
    for name, service in owners.items():
        before, wanted = getattr(kept, name), getattr(asked, name)
        if service in running and before != wanted:
            chosen = replace(chosen, **{name: before})
            notes.append(f"{service} is up: {name}={wanted} takes effect after `lakehouse down`")
    return chosen, notes


def _settle_port(home: Home, name: str, kept: int | None, fixed: int, taken: Collection[int]) -> int:
    if fixed and not is_free(fixed):
        raise ServiceError(
            f"port {fixed} is taken by another program",
            where=name,
            do=f"End that program, or unset LAKEHOUSE_{name.upper()}_PORT to have a free port chosen",
        )
    if fixed:
        return fixed
    return kept if kept is not None and is_usable(name, kept) else choose_port(name, taken, home.root)


def _new_credentials(home: Home) -> Endpoints:
    return Endpoints(
        {},
        secrets.token_hex(10).upper(),
        secrets.token_urlsafe(30),
        kafka_id(),
        complete({}),
        kafka_ca=_authority(home),
    )
