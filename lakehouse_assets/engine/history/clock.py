"""Ages by one clock, the store's: when it took an object is compared with its own `Date`, never with ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lakehouse_assets.engine.sources import landing
from lakehouse_assets.errors import LakehouseError, UnavailableError
from lakehouse_assets.settings import Settings

MOST_APART = timedelta(hours=1)
"""A clock further from the store's than this deletes nothing."""
_STEP = timedelta(seconds=1)
"""The store tells times in whole seconds."""


def age(settings: Settings, key: str, version: int) -> timedelta | None:
    """How long ago a version of a table was committed, rather too much than too little; None where its entry is gone.

    Raises:
        UnavailableError: the store does not answer.
    """
    try:
        told = _head(settings, f"{key}/_delta_log/{version:020}.json")
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise _unavailable(settings, error) from error
    modified: datetime = told["LastModified"]
    return max(_date(told) - modified.astimezone(UTC), timedelta(0)) + _STEP


def require_right(settings: Settings, whose: str, read: Callable[[], datetime]) -> None:
    """Makes sure that a clock which decides what is old agrees with the store's.

    Raises:
        LakehouseError: it is far off; says by how much.
        UnavailableError: the store does not answer.
    """
    try:
        told = landing.client(settings).head_bucket(Bucket=settings.bucket)
    except (BotoCoreError, ClientError) as error:
        raise _unavailable(settings, error) from error
    apart = read() - _date(told)
    if abs(apart) > MOST_APART:
        way = "ahead of" if apart > timedelta(0) else "behind"
        raise LakehouseError(
            f"{whose} clock is {abs(apart) / timedelta(hours=1):.1f} hours {way} the store's; nothing was deleted",
            where=f"s3://{settings.bucket}",
            do="Set the clocks right (NTP): what is old enough to go is judged by them",
        )


def _head(settings: Settings, name: str) -> Mapping[str, Any]:
    try:
        told: Mapping[str, Any] = landing.client(settings).head_object(Bucket=settings.bucket, Key=name)
    except BotoCoreError as error:
        raise _unavailable(settings, error) from error
    return told


def _date(told: Mapping[str, Any]) -> datetime:
    """Every S3 answer has one."""
    return parsedate_to_datetime(told["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)


def _unavailable(settings: Settings, error: Exception) -> UnavailableError:
    return UnavailableError(
        f"no answer ({error})", where=f"s3://{settings.bucket}", do="Check S3 with `lakehouse status`"
    )
