"""The Spark Connect server's address, and what it must be set to before it may write."""

from __future__ import annotations

LOG_STORE_OPTION = "spark.delta.logStore.s3a.impl"
LOG_STORE = "lakehouse.ConditionalPutLogStore"
"""Delta's log store that commits by conditional put: with Delta's own, two drivers on one table lose commits."""


def session(remote: str, **parameters: str) -> str:
    """The address with parameters added, `sc://host:port/;token=...;session_id=...`."""
    separator = ";" if "/;" in remote else "/;"
    return remote.rstrip(";/") + separator + ";".join(f"{name}={value}" for name, value in parameters.items())


def shown(remote: str) -> str:
    """The address without its parameters, of which one may be a token."""
    return remote.partition("/;")[0]
