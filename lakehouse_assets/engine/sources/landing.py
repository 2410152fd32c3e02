"""The landing prefix on S3 as the engine sees it: which files lie there now, and the bytes of exactly one version."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.utils import parse_timestamp

from lakehouse_assets.engine.sources.drop_planning import Dropped, Listing
from lakehouse_assets.engine.sources.file_versions import FileVersion
from lakehouse_assets.engine.sources.shown_text import reason
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

_ATTEMPTS = 2
_CLIENTS = 4
_GONE = frozenset({404, 412})
_GONE_WORDS = "the file was replaced or deleted since it was listed"
_FIRST_REFUSAL = 400
_BUSY = frozenset({429, 503})


class UnreadableError(UnavailableError):
    """One file cannot be read now, whatever others can."""

    @property
    def says(self) -> str:
        """Of a file that is still listed."""
        return "the store lists it and does not have it" if self.what == _GONE_WORDS else self.what


@lru_cache(maxsize=_CLIENTS)
def client(settings: Settings) -> Any:
    """A boto3 client: made by dagster-aws where Dagster is loaded, by boto3 alone where a command has no use for it.

    Never a Dagster resource: its configuration, the key, would be shown.
    """
    how = _access(settings)
    return by_dagster(how) if "dagster" in sys.modules else by_boto3(how)


@lru_cache(maxsize=_CLIENTS)
def lister(settings: Settings) -> Any:
    """The same, with a parser of times that a listing of 100,000 files needs: 2 s instead of 6 s."""
    import botocore.session

    session = botocore.session.get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    return by_boto3(_access(settings), session)


def _access(settings: Settings) -> dict[str, Any]:
    return {
        "endpoint_url": settings.s3_endpoint or None,
        "region_name": settings.s3_region,
        "aws_access_key_id": settings.s3_access_key or None,
        "aws_secret_access_key": settings.s3_secret_key.get_secret_value() or None,
    }


def by_dagster(how: Mapping[str, Any]) -> Any:
    """The client of an `S3Resource`; importing it takes longer than all else that a command does."""
    from dagster_aws.s3 import S3Resource

    return S3Resource(max_attempts=_ATTEMPTS, **how).get_client()


def by_boto3(how: Mapping[str, Any], session: Any = None) -> Any:
    """As an `S3Resource` makes it."""
    import boto3
    from botocore.config import Config

    waits = Config(retries={"max_attempts": _ATTEMPTS, "mode": "standard"})
    return boto3.session.Session(botocore_session=session).resource("s3", config=waits, **how).meta.client


def _time(stated: Any) -> datetime:
    """A time in an answer. Of a listing it is ISO, which boto3 itself takes 50 microseconds for, each."""
    with suppress(TypeError, ValueError):
        if (found := datetime.fromisoformat(stated)).tzinfo:
            return found
    other: datetime = parse_timestamp(stated)
    return other


def listing(settings: Settings, prefix: str) -> Listing:
    """The files below a prefix, by the store's clock.

    Raises:
        UnavailableError: the store does not answer.
    """
    pages = lister(settings).get_paginator("list_objects_v2").paginate(Bucket=settings.bucket, Prefix=prefix)
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


def content(settings: Settings, prefix: str, version: FileVersion, most_bytes: int) -> bytes:
    """The first bytes of one file version, at most `most_bytes`.

    Raises:
        UnreadableError: the store does not give this one file out, or no longer has it.
        UnavailableError: the store does not answer.
    """
    with _explained(settings, f"{prefix}{version.name}"):
        found = client(settings).get_object(
            Bucket=settings.bucket, Key=f"{prefix}{version.name}", IfMatch=f'"{version.etag}"'
        )
        with closing(found["Body"]) as body:
            read: bytes = body.read() if found["ContentLength"] <= most_bytes else body.read(most_bytes)
    return read


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
    except (BotoCoreError, HTTPClientError, ClientError) as error:
        where = f"s3://{settings.bucket}/{key}"
        status, said = _answer(error)
        if status in _GONE:
            raise UnreadableError(_GONE_WORDS, where=where, do="Nothing was written; the sensor plans anew") from error
        kind = UnreadableError if _is_of_one_file(error, status) else UnavailableError
        raise kind(f"no answer ({said})", where=where, do="Check S3 with `lakehouse status`") from error


def _answer(error: Exception) -> tuple[int, str]:
    """The status, 0 where nothing was answered, and what was said."""
    response = getattr(error, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = response.get("Error", {}).get("Code", "")
    return status, f"{status} {code}".strip() if status else reason(str(error))


def _is_of_one_file(error: Exception, status: int) -> bool:
    """Whether other files may be read all the same; a store that is too busy, or not there, says nothing of a file."""
    refused = status >= _FIRST_REFUSAL and status not in _BUSY
    return refused or isinstance(error, ReadTimeoutError | ResponseStreamingError | IncompleteReadError)
