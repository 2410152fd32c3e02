"""Answers kept for as long as a table's log says nothing new: a lake at rest is asked the same again and again.

Whether the log says something new is one listing of its end; opening the table is a handful of requests, and reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.lake import Lake, Read
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.sources import landing
from lakehouse_assets.errors import UnavailableError

Entry = tuple[str, str]
"""The newest entry of a log and its etag: a table that was made anew may have come as far again. Empty for no table."""
_NOTHING: Final = ("", "")


@dataclass
class Known:
    """What is known of one table as long as its log ends so."""

    newest: Entry
    answers: dict[str, Any] = field(default_factory=dict)


_KNOWN: Final[dict[str, Known]] = {}
"""By the store's address and the table's."""


@dataclass(frozen=True)
class RememberedLake(Lake):
    """A lake of which each table's log is looked at once, and read only where it says something new."""

    _looked_at: dict[str, Known] = field(default_factory=dict, init=False, repr=False, compare=False)

    def version(self, key: str) -> int:
        """As of the first look."""
        return self._told(key, "version", lambda: Lake.version(self, key))

    def ledger(self, key: str, version: int | None = None) -> Ledger:
        """As of the first look, where no version is named."""
        if version is not None:
            return super().ledger(key, version)
        return self._told(key, "ledger", lambda: Lake.ledger(self, key))

    def parted_by(self, key: str) -> tuple[str, ...] | None:
        """As of the first look."""
        return self._told(key, "parted by", lambda: Lake.parted_by(self, key))

    def days(self, key: str) -> frozenset[Partition]:
        """As of the first look."""
        return self._told(key, "days", lambda: Lake.days(self, key))

    def rows(self, key: str) -> int:
        """As of the first look."""
        return self._told(key, "rows", lambda: Lake.rows(self, key))

    def least(self, key: str, column: str) -> datetime | None:
        """As of the first look."""
        return self._told(key, f"least {column}", lambda: Lake.least(self, key, column))

    def _told(self, key: str, asked: str, read: Callable[[], Read]) -> Read:
        known = self._known(key)
        if asked not in known.answers:
            known.answers[asked] = read()
        return cast(Read, known.answers[asked])

    def _known(self, key: str) -> Known:
        if key not in self._looked_at:
            where = f"{self.settings.s3_endpoint} {self.uri(key)}"
            known, newest = _KNOWN.get(where), self._newest(key, _KNOWN.get(where))
            if known is None or known.newest != newest:
                known = _KNOWN[where] = Known(newest)
            self._looked_at[key] = known
        return self._looked_at[key]

    def _newest(self, key: str, known: Known | None) -> Entry:
        """From where the log ended last; from its beginning where nothing is known, or that end is gone."""
        since = known.newest[0] if known else ""
        return self._end(key, since) or (self._end(key, "") if since else None) or _NOTHING

    def _end(self, key: str, since: str) -> Entry | None:
        """The last entry of a table's log, that one included from which it is listed."""
        folder = f"{key}/_delta_log/"
        after = {"StartAfter": f"{since.removesuffix('.json')}."} if since else {}
        pages = landing.client(self.settings).get_paginator("list_objects_v2")
        try:
            listed = pages.paginate(Bucket=self.settings.bucket, Prefix=folder, **after)
            found = [each for page in listed for each in page.get("Contents", ()) if _is_entry(each["Key"], folder)]
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError(
                f"cannot list the table's log: {error}", where=key, do="Check S3 with `lakehouse status`"
            ) from error
        return (found[-1]["Key"], found[-1]["ETag"]) if found else None


def _is_entry(name: str, folder: str) -> bool:
    number, _, kind = name.removeprefix(folder).partition(".")
    return kind == "json" and number.isdigit()
