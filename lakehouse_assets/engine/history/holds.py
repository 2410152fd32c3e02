"""Holds: what keeps a table from its next batch, as a record beside the table, whatever became of the run that met it.

A table that refuses a batch holds itself; what lives on it finds nothing new and waits, everything else goes on. The
record is an object of the bucket, `_holds/<table>.json`: the table's own log stays as it was. It ends when code, the
table, or what it is made from changes by somebody's word; a `temporary` one when its wait is over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lakehouse_assets.engine.sources import landing
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

PREFIX = "_holds/"


@dataclass(frozen=True)
class Hold:
    """Why one table takes no batch."""

    table: str
    reason: str
    """What happened, and what to do; quotes no row."""
    error: str
    """Class of the error."""
    code: str
    """Version of the code that met it."""
    run_id: str
    since: str
    """ISO time, UTC, for people."""
    tries: int = 1
    """How often the table has failed like this, one after the other."""
    temporary: bool = False
    """Nobody has to do anything: it is tried again after a wait."""
    rules: tuple[str, ...] = ()
    """Rules that were broken."""
    seen: Mapping[str, int] = field(default_factory=dict)
    """Versions, when the batch was planned, of the table and of what it is made from."""
    position: tuple[Any, ...] = ()
    """Where the table stands, as in its ledger."""
    age_seconds: float = field(default=0.0, compare=False)
    """Since the record was written, by the store's clock alone."""

    def to_json(self) -> bytes:
        """The object's content."""
        return json.dumps({name: each for name, each in asdict(self).items() if name != "age_seconds"}).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Hold:
        """The inverse of `to_json`."""
        said = json.loads(body)
        return cls(**{**said, "rules": tuple(said["rules"]), "position": tuple(said["position"])})


def read(settings: Settings, key: str = "") -> dict[str, Hold]:
    """The recorded holds by table, of one table or of all: one listing, and one small read for each hold.

    Raises:
        UnavailableError: the store does not answer.
    """
    client, prefix = landing.client(settings), f"{PREFIX}{key}.json" if key else PREFIX
    try:
        listed = client.list_objects_v2(Bucket=settings.bucket, Prefix=prefix)
        now, objects = _now(listed), listed.get("Contents", [])
        found = [(each, _body(client, settings, each["Key"])) for each in objects]
    except (BotoCoreError, ClientError) as error:
        raise _unavailable(settings, error) from error
    holds = [replace(Hold.from_json(body), age_seconds=_age(now, each)) for each, body in found if body]
    return {each.table: each for each in holds}


def _body(client: Any, settings: Settings, key: str) -> bytes:
    """The object's content; empty where somebody has just cleared it."""
    try:
        body: bytes = client.get_object(Bucket=settings.bucket, Key=key)["Body"].read()
    except client.exceptions.NoSuchKey:
        return b""
    return body


def _now(answer: Mapping[str, Any]) -> datetime:
    stated = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(stated) if stated else datetime.now(UTC)


def _age(now: datetime, listed: Mapping[str, Any]) -> float:
    modified: datetime = listed["LastModified"]
    return max(0.0, (now - modified.astimezone(UTC)).total_seconds())


def write(settings: Settings, hold: Hold) -> None:
    """Records a hold in the place of an older one of the table.

    Raises:
        UnavailableError: the store does not take it.
    """
    try:
        landing.client(settings).put_object(Bucket=settings.bucket, Key=_key(hold.table), Body=hold.to_json())
    except (BotoCoreError, ClientError) as error:
        raise _unavailable(settings, error) from error


def clear(settings: Settings, table: str) -> None:
    """Forgets the hold of a table, if there is one.

    Raises:
        UnavailableError: the store does not answer.
    """
    try:
        landing.client(settings).delete_object(Bucket=settings.bucket, Key=_key(table))
    except (BotoCoreError, ClientError) as error:
        raise _unavailable(settings, error) from error


def _key(table: str) -> str:
    return f"{PREFIX}{table}.json"


def _unavailable(settings: Settings, error: Exception) -> UnavailableError:
    return UnavailableError(
        f"no answer ({error})", where=f"s3://{settings.bucket}/{PREFIX}", do="Check S3 with `lakehouse status`"
    )
