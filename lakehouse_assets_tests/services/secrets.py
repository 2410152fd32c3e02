"""Looks for secrets everywhere but in the files that are there to keep them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from lakehouse_assets.services import endpoints
from lakehouse_assets.services.endpoints import Endpoints
from lakehouse_assets.services.stack import Stack

KEEPERS = ("services.json", "supervisor.conf", "kafka/server.properties", "s3/identities.json", "kafka/server.pem")
"""Private files of mode 0600, below the home."""


def of(kept: Endpoints) -> list[str]:
    """Every generated secret of a home."""
    return [kept.s3_secret_key, *kept.credentials.values()]


def shown(stack: Stack, secrets: Iterable[str], keepers: Iterable[str] = KEEPERS) -> list[str]:
    """Files of the home, and objects of its store, that show one of the secrets."""
    wanted, root = [secret.encode() for secret in secrets], stack.home.root
    assert all(wanted)
    found = [name for name, content in _files(root) if any(secret in content for secret in wanted)]
    found += [name for name, content in _objects(stack) if any(secret in content for secret in wanted)]
    return sorted(set(found) - set(keepers))


def _files(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in root.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(root)), path.read_bytes()


def _objects(stack: Stack) -> Iterator[tuple[str, bytes]]:
    kept = endpoints.read(stack.home)
    assert kept is not None
    store, bucket = stack.service("s3").client(), stack.settings.bucket
    for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for each in page.get("Contents", ()):
            yield f"s3 {each['Key']}", store.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
