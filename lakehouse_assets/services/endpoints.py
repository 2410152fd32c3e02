"""Ports and credentials of the embedded services, made once and kept in `services.json`.

The file's keys are `Settings` fields, so that every program reads them by `settings.load()`; `ports` has the rest.
"""

from __future__ import annotations

import base64
import json
import random
import secrets
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services.home import Home, write_private
from lakehouse_assets.settings import SERVICES_FILE

HOST = "127.0.0.1"
PORTS_BELOW_EPHEMERAL = range(18_000, 30_000)
PORTS: Mapping[str, tuple[str, ...]] = {
    "kafka": ("kafka", "kafka_controller"),
    "s3": (
        *("s3", "s3_grpc", "s3_master", "s3_master_grpc", "s3_volume", "s3_volume_grpc"),
        *("s3_filer", "s3_filer_grpc", "s3_admin"),
    ),
    "spark": ("spark",),
    "dagster": ("dagster", "dagster_code"),
}
"""Which ports each service opens."""
ADMIN_GRPC_OFFSET = 10_000
"""SeaweedFS's own worker looks for the admin server's gRPC here, whatever port that was given."""
PORTS_OF: Mapping[str, range] = {"s3_admin": range(20_000, 22_000)}
"""Where a port is chosen that brings another one along: that one then is below the ephemeral range as well."""


@dataclass(frozen=True)
class Endpoints:
    """Where the embedded services answer, and how to sign in."""

    ports: Mapping[str, int]
    s3_access_key: str
    s3_secret_key: str
    kafka_cluster_id: str

    @property
    def kafka_bootstrap(self) -> str:
        """`host:port` of the broker."""
        return f"{HOST}:{self.ports['kafka']}"

    @property
    def s3_endpoint(self) -> str:
        """URL of the S3 server."""
        return f"http://{HOST}:{self.ports['s3']}"

    @property
    def spark_remote(self) -> str:
        """Spark Connect address."""
        return f"sc://{HOST}:{self.ports['spark']}"

    @property
    def dagster_url(self) -> str:
        """URL of the Dagster webserver."""
        return f"http://{HOST}:{self.ports['dagster']}"

    def as_json(self) -> str:
        """The content of `services.json`."""
        names = ("kafka_bootstrap", "s3_endpoint", "s3_access_key", "s3_secret_key", "spark_remote")
        named = {name: getattr(self, name) for name in (*names, "dagster_url", "kafka_cluster_id")}
        return json.dumps({**named, "ports": dict(self.ports)}, indent=2) + "\n"


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


def choose_port(name: str, taken: Collection[int] = ()) -> int:
    """A free port outside the range that the kernel gives to outgoing connections."""
    among = PORTS_OF.get(name, PORTS_BELOW_EPHEMERAL)
    for port in random.sample(among, len(among)):
        if port not in taken and is_usable(name, port):
            return port
    raise ServiceError(
        f"no port between {among.start} and {among.stop} is free",
        where="services",
        do="End some of the programs that listen there",
    )


def read(home: Home) -> Endpoints | None:
    """The endpoints kept in this home, or None before the first start.

    Raises:
        ServiceError: the file is there and cannot be read.
    """
    path = home.root / SERVICES_FILE
    try:
        kept = json.loads(path.read_text())
        return Endpoints(kept["ports"], kept["s3_access_key"], kept["s3_secret_key"], kept["kafka_cluster_id"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(
            f"cannot read {path} ({error})",
            where="services",
            do="Restore it; without it the kept data has no key",
        ) from error


def settle(
    home: Home, *, running: Collection[str] = (), fixed: Mapping[str, int] | None = None
) -> tuple[Endpoints, list[str]]:
    """Give every service its ports and credentials: the kept ones, unless somebody else took a port.

    Args:
        home: where they are kept.
        running: services that are up: their ports stay.
        fixed: ports asked for by a setting, by name.

    Returns:
        The endpoints and one line for each port that had to move.

    Raises:
        ServiceError: a fixed port is taken.
    """
    kept = read(home) or _new_credentials()
    ports, notes = dict(kept.ports), []
    for service, names in PORTS.items():
        for name in names if service not in running else ():
            before = ports.get(name)
            ports[name] = _settle_port(name, before, (fixed or {}).get(name, 0), set(ports.values()))
            if before not in (None, ports[name]) and not (fixed or {}).get(name):
                notes.append(f"port {before} ({name}) is taken by another program: using {ports[name]}")
    settled = Endpoints(ports, kept.s3_access_key, kept.s3_secret_key, kept.kafka_cluster_id)
    home.folder()
    write_private(home.root / SERVICES_FILE, settled.as_json())
    return settled, notes


def _settle_port(name: str, kept: int | None, fixed: int, taken: Collection[int]) -> int:
    if fixed and not is_free(fixed):
        raise ServiceError(
            f"port {fixed} is taken by another program",
            where=name,
            do=f"End that program, or unset LAKEHOUSE_{name.upper()}_PORT to have a free port chosen",
        )
    if fixed:
        return fixed
    return kept if kept is not None and is_usable(name, kept) else choose_port(name, taken)


def _new_credentials() -> Endpoints:
    return Endpoints({}, secrets.token_hex(10).upper(), secrets.token_urlsafe(30), _kafka_id())


def _kafka_id() -> str:
    """A cluster id as Kafka writes them; one that starts with a dash would look like an option."""
    while (text := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")).startswith("-"):
        pass
    return text
