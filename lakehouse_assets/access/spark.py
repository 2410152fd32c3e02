"""The Spark Connect server's address and token, and what it must be set to before it may write."""

from __future__ import annotations

from typing import Any

from lakehouse_assets.settings import Settings
from lakehouse_assets.settings_sources import SPARK_TOKEN

LOG_STORE_OPTION = "spark.delta.logStore.s3a.impl"
LOG_STORE = "lakehouse.ConditionalPutLogStore"
"""Delta's log store that commits by conditional put: with Delta's own, two drivers on one table lose commits."""
_SCHEME = "sc://"
_PARAMETERS = "/;"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def session(remote: str, **parameters: str) -> str:
    """The address with parameters added, `sc://host:port/;user_id=...;session_id=...`."""
    separator = ";" if _PARAMETERS in remote else _PARAMETERS
    return remote.rstrip(";/") + separator + ";".join(f"{name}={value}" for name, value in parameters.items())


def shown(remote: str) -> str:
    """The address without its parameters, of which any may be a secret."""
    return remote.partition(_PARAMETERS)[0]


def named(remote: str) -> str:
    """The address as pyspark's own client wants it: it sends a token without TLS to the name `localhost` only."""
    return remote.replace(f"{_SCHEME}127.0.0.1", f"{_SCHEME}localhost", 1)


def environment(settings: Settings) -> dict[str, str]:
    """The variables by which pyspark's own client finds the server and signs in."""
    token = settings.spark_token.get_secret_value()
    remote = settings.spark_remote
    return {"SPARK_REMOTE": named(remote) if token else remote, SPARK_TOKEN: token}


def credentials(remote: str, token: str) -> Any:
    """What a gRPC channel to this address is opened with; None for one in plain text that sends no token."""
    import grpc

    secure = "use_ssl=true" in remote.partition(_PARAMETERS)[2].lower()
    if not (secure or token):
        return None
    here = shown(remote).removeprefix(_SCHEME).rpartition(":")[0] in _LOOPBACK
    channel = grpc.local_channel_credentials() if here and not secure else grpc.ssl_channel_credentials()
    if not token:
        return channel
    return grpc.composite_channel_credentials(channel, grpc.access_token_call_credentials(token))
