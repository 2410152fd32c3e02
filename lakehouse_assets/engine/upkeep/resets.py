"""Starting a table over: it and what lives on it are deleted, and the next batch begins where a new table begins.

Deleted is from the far end: gold before silver before bronze, so that no table is ever ahead of the one below it. Of a
table the log goes first, newest version first: killed at any instant it leaves an earlier version of the table, whole
and with its own position, or no table at all. Data files go last, when nothing names them any more; a quarantine after
its table, because rows beyond a table's position are not shown. A second try goes on where the first one died.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from dagster import AssetKey, DagsterInstance

from lakehouse_assets.access import s3
from lakehouse_assets.engine.flow import below
from lakehouse_assets.engine.history import holds
from lakehouse_assets.engine.history.lake import Lake, Size
from lakehouse_assets.engine.orchestration import in_flight
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import turns
from lakehouse_assets.errors import LakehouseError, UnavailableError
from lakehouse_assets.settings import Settings

WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.2
_MOST_AT_ONCE = 1000
_VERSION = re.compile(r"_delta_log/(\d{20})\.")


@dataclass(frozen=True)
class Doomed:
    """What goes with one table."""

    key: str
    size: Size
    quarantined: int
    """Rows in its quarantine."""


def affected(table: Table, tables: Sequence[Table]) -> tuple[Table, ...]:
    """The table and all that live on it, nearest first."""
    return (table, *below(table, tables))


def doomed(lake: Lake, tables: Sequence[Table]) -> list[Doomed]:
    """What would go.

    Raises:
        UnavailableError: the store does not answer.
    """
    return [Doomed(each.key, _whole(lake, each.key), lake.rows(each.quarantine)) for each in tables]


def _whole(lake: Lake, key: str) -> Size:
    days = lake.sizes(key).values()
    return Size(sum(day.rows for day in days), sum(day.bytes for day in days), sum(day.files for day in days))


def reset(settings: Settings, instance: DagsterInstance, tables: Sequence[Table]) -> int:
    """Deletes these tables, nearest first, their quarantines, and what Dagster knows of them; how many objects.

    Raises:
        LakehouseError: a run of one of them is in flight, also after a wait.
        UnavailableError: the store does not answer. What is left goes by a second try.
    """
    with ExitStack() as held:
        _take_over(settings, instance, tables, held)
        keys = [key for each in reversed(tables) for key in (each.key, each.quarantine)]
        deleted = sum(delete(settings, key) for key in keys)
        for each in tables:
            holds.clear(settings, each.key)
        known = {AssetKey(key.split("/")) for key in keys}
        instance.wipe_assets([key for key in known if instance.has_asset_key(key)])
    return deleted


def _take_over(settings: Settings, instance: DagsterInstance, tables: Sequence[Table], held: ExitStack) -> None:
    """Every table's turn, while no run of theirs is in flight: what starts later waits, and plans anew."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        if not _in_flight(instance, tables):
            for each in tables:
                held.enter_context(turns.take(settings, each.key, WAIT_SECONDS))
            if not _in_flight(instance, tables):
                return
            held.close()
        if time.monotonic() > deadline:
            raise LakehouseError(
                "a run of it, or of what lives on it, is in flight",
                where=tables[0].key,
                do="Stop its sensor in the UI, wait for the run to end, then try again",
            )
        time.sleep(_POLL_SECONDS)


def _in_flight(instance: DagsterInstance, tables: Sequence[Table]) -> bool:
    keys = [AssetKey(key.split("/")) for each in tables for key in (each.key, each.quarantine)]
    taken_in = any(in_flight.increments(instance, source) for source in tables[0].sources)
    return taken_in or in_flight.is_rebuilt(instance, keys)


def delete(settings: Settings, key: str) -> int:
    """Deletes every object of a table, in the order that a crash may interrupt; how many.

    Raises:
        UnavailableError: the store does not answer.
    """
    client = s3.client(settings)
    try:
        names = _names(client, settings.bucket, f"{key}/")
        log = [name for name in names if f"{key}/_delta_log/" in name]
        for name in sorted(log, key=_newest_first):
            client.delete_object(Bucket=settings.bucket, Key=name)
        files = [name for name in names if name not in {*log}]
        for start in range(0, len(files), _MOST_AT_ONCE):
            wanted = [{"Key": name} for name in files[start : start + _MOST_AT_ONCE]]
            client.delete_objects(Bucket=settings.bucket, Delete={"Objects": wanted, "Quiet": True})
    except (BotoCoreError, ClientError) as error:
        do = "Check S3 with `lakehouse status`, then run the same command again: it goes on where this one ended"
        raise UnavailableError(f"not all of it is deleted ({error})", where=key, do=do) from error
    return len(names)


def _names(client: Any, bucket: str, prefix: str) -> list[str]:
    return [*_listed(client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))]


def _listed(pages: Any) -> Iterator[str]:
    for page in pages:
        yield from (each["Key"] for each in page.get("Contents", []))


def _newest_first(name: str) -> tuple[int, int, str]:
    """The hint at a checkpoint, then version by version downwards: a checkpoint before the commit it stands for."""
    found = _VERSION.search(name)
    if found is None:
        return (0, 0, name) if name.endswith("_last_checkpoint") else (2, 0, name)
    is_commit = name.endswith(".json") and ".checkpoint." not in name
    return 1, -2 * int(found[1]) + is_commit, name
