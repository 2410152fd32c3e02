"""The landing prefix on S3 as the engine sees it: which files lie there now, and the bytes of exactly one version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lakehouse_assets.engine.sources.drop_planning import Dropped, Listing
from lakehouse_assets.engine.sources.file_versions import FileVersion
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

_ATTEMPTS = 2
_CLIENTS = 4
_GONE = frozenset({404, 412})


@lru_cache(maxsize=_CLIENTS)
def client(settings: Settings) -> Any:
    """A boto3 client made by dagster-aws. Never a Dagster resource: its configuration, the key, would be shown."""
    from dagster_aws.s3 import S3Resource

    return S3Resource(
        endpoint_url=settings.s3_endpoint or None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key or None,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value() or None,
        max_attempts=_ATTEMPTS,
    ).get_client()


def listing(settings: Settings, prefix: str) -> Listing:
    """The files below a prefix, by the store's clock.

    Raises:
        UnavailableError: the store does not answer.
    """
    pages = client(settings).get_paginator("list_objects_v2").paginate(Bucket=settings.bucket, Prefix=prefix)
    files: list[Dropped] = []
    now = datetime.now(UTC)
    with _explained(settings, prefix):
        for number, page in enumerate(pages):
            now = _date(page) if number == 0 else now
            files += [_dropped(each, prefix) for each in page.get("Contents", [])]
    return Listing(tuple(files), now)


def _date(answer: dict[str, Any]) -> datetime:
    stated = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(stated) if stated else datetime.now(UTC)


def _dropped(listed: dict[str, Any], prefix: str) -> Dropped:
    modified: datetime = listed["LastModified"].astimezone(UTC)
    to_the_millisecond = modified.replace(microsecond=modified.microsecond // 1000 * 1000)
    name, etag = listed["Key"].removeprefix(prefix), listed["ETag"].strip('"')
    return Dropped(FileVersion(to_the_millisecond, name, etag), listed["Size"])


def content(settings: Settings, prefix: str, version: FileVersion, most_bytes: int | None = None) -> bytes:
    """The bytes of one file version, or its first ones.

    Raises:
        UnavailableError: the file was replaced or deleted since it was listed, or the store does not answer.
    """
    wanted = {} if most_bytes is None else {"Range": f"bytes=0-{most_bytes - 1}"}
    with _explained(settings, f"{prefix}{version.name}"):
        found = client(settings).get_object(
            Bucket=settings.bucket, Key=f"{prefix}{version.name}", IfMatch=f'"{version.etag}"', **wanted
        )
        body: bytes = found["Body"].read()
    return body


def put(settings: Settings, prefix: str, name: str, body: bytes) -> None:
    """Drops a file.

    Raises:
        UnavailableError: the store does not take it.
    """
    with _explained(settings, f"{prefix}{name}"):
        client(settings).put_object(Bucket=settings.bucket, Key=f"{prefix}{name}", Body=body)


@contextmanager
def _explained(settings: Settings, key: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        answer = getattr(error, "response", {}).get("ResponseMetadata", {})
        gone = answer.get("HTTPStatusCode") in _GONE
        raise UnavailableError(
            "the file was replaced or deleted since it was listed" if gone else f"no answer ({error})",
            where=f"s3://{settings.bucket}/{key}",
            do="Nothing was written; the sensor plans anew" if gone else "Check S3 with `lakehouse status`",
        ) from error
