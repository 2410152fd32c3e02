"""One look at a table per batch: a lake whose tables stand still until they are brought forward.

A plan made of what stands still is no more wrong than one made a moment earlier: its commit compares and refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

import pyarrow as pa
from deltalake import DeltaTable

from lakehouse_assets.access import s3
from lakehouse_assets.engine.history.lake import FIRST_LOOK, Lake, Read, commits, newest
from lakehouse_assets.engine.history.ledger import Commit, Ledger

_READERS: Final = 8
_MOST_BYTES: Final = 64 * 2**20
"""Of rows of small files that a lake keeps."""


@dataclass
class Look:
    """A table as it was opened, and its newest commits."""

    table: DeltaTable
    commits: list[Commit]
    ledger: Ledger | None = None
    """What they say, once somebody has asked."""


class Files:
    """The rows of small files; all are forgotten where they get too large together."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], pa.Table] = {}
        self._bytes = 0
        self._lock = Lock()

    def of(self, asked: tuple[str, str], read: Callable[[], pa.Table]) -> pa.Table:
        """What was read before, or is read now."""
        with self._lock:
            known = self._known.get(asked)
        if known is not None:
            return known
        found = read()
        with self._lock:
            if self._bytes > _MOST_BYTES:
                self._known.clear()
                self._bytes = 0
            self._known[asked] = found
            self._bytes += found.nbytes
        return found


@dataclass(frozen=True)
class StandingLake(Lake):
    """A lake of which each table is opened once."""

    _looks: dict[str, Look | None] = field(default_factory=dict, init=False, repr=False, compare=False)
    _read: dict[tuple[str, int, str], Future[Any]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _files: Files = field(default_factory=Files, init=False, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def storage_options(self) -> dict[str, str]:
        """A run waits for a store that starts anew."""
        return super().storage_options() | s3.patience(self.settings.outage_seconds)

    def open(self, key: str) -> DeltaTable | None:
        """The table as it was at the first look."""
        look = self._look(key)
        return look.table if look else None

    def ledger(self, key: str, version: int | None = None) -> Ledger:
        """As of the first look, read once."""
        look = self._look(key)
        if look is None or version not in (None, look.table.version()):
            return super().ledger(key, version)
        look.ledger = look.ledger or super().ledger(key)
        return look.ledger

    def history(self, key: str, version: int | None = None) -> Iterator[Commit]:
        """As of the first look; older commits than the newest ones are read when they are asked for."""
        look = self._look(key)
        if look is None:
            return
        found = [each for each in look.commits if version is None or each.version <= version]
        yield from found
        if len(look.commits) < FIRST_LOOK:
            return
        older = look.commits[-1].version - 1
        if (table := super().open(key)) is not None:
            yield from commits(self, table, key, older if version is None else min(version, older))

    def forward(self, *keys: str) -> None:
        """Brings tables to what they are now; all that were looked at where none is named."""
        known = [key for key in keys or [*self._looks] if key in self._looks]
        if len(known) == 1:
            self._looks[known[0]] = self._forwarded(known[0])
        elif known:
            with ThreadPoolExecutor(_READERS) as readers:
                self._looks.update(zip(known, readers.map(self._forwarded, known), strict=True))

    def once(self, asked: tuple[str, int, str], read: Callable[[], Read]) -> Read:
        """Read by whoever asks first; others that ask for the same of the same version wait for it. The newest alone is
        kept: it may be large."""
        with self._lock:
            known = self._read.get(asked)
            if known is None:
                self._read.clear()
                mine = self._read[asked] = Future[Read]()
        if known is not None:
            return known.result()
        try:
            mine.set_result(read())
        except BaseException as error:
            with self._lock:
                self._read.pop(asked, None)
            mine.set_exception(error)
            raise
        return mine.result()

    def file(self, key: str, path: str, read: Callable[[], pa.Table]) -> pa.Table:
        """Read once: a file never changes."""
        return self._files.of((key, path), read)

    def _look(self, key: str) -> Look | None:
        with self._lock:
            if key not in self._looks:
                self._looks[key] = self._taken(key)
            return self._looks[key]

    def _taken(self, key: str) -> Look | None:
        table = super().open(key)
        return Look(table, newest(self, table, key)) if table else None

    def _forwarded(self, key: str) -> Look | None:
        look = self._looks[key]
        if look is None:
            return self._taken(key)
        look.table.update_incremental()
        if look.table.version() == look.commits[0].version:
            return look
        return Look(look.table, newest(self, look.table, key))
