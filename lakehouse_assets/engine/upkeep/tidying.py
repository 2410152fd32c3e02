"""Tidying: what keeps a table quick to open and to read while it changes every second, done beside its batches.

A commit a second is 86,400 log entries and as many small files a day. A checkpoint now and then, and a crowded
partition made one file, cost the batches nothing: this is another thread, and what it does may be lost or refused.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from deltalake import DeltaTable, PostCommitHookProperties
from deltalake.exceptions import DeltaError

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.commit_log import storage
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.upkeep.compaction import DayFiles, crowded
from lakehouse_assets.errors import UnavailableError

CHECKPOINT_COMMITS: Final = 50
CROWD_FILES: Final = 32
"""Small files of one partition that are worth a commit."""
LOOK_COMMITS: Final = 8
"""Commits of a table between two looks at its files."""
_HOOKS: Final = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_log = logging.getLogger(__name__)


@dataclass
class Tidying:
    """One thread for all tables of a run; at most one table waits for it."""

    lake: Lake
    """One that looks anew at each question."""
    commits: dict[str, int] = field(default_factory=dict)
    """By key: commits since the last look."""
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1), repr=False)
    _at_work: Future[None] | None = None

    def committed(self, *keys: str) -> None:
        """Counts a commit to each of these tables, and looks after one that is due, if nothing else is at work."""
        for key in keys:
            self.commits[key] = self.commits.get(key, 0) + 1
        due = [key for key, count in self.commits.items() if count >= LOOK_COMMITS]
        if due and (self._at_work is None or self._at_work.done()):
            self.commits[due[0]] = 0
            self._at_work = self._thread.submit(tidy, self.lake, due[0])

    def end(self) -> None:
        """Waits for what is at work."""
        self._thread.shutdown()


def tidy(lake: Lake, key: str) -> None:
    """A checkpoint, and one commit that makes a file of each crowded partition; nothing where it loses a race."""
    try:
        if (table := lake.open(key)) is None:
            return
        if _since_checkpoint(lake, key, table.version()) >= CHECKPOINT_COMMITS:
            table.create_checkpoint()
        crowds = [each for each in crowded(lake, key, lake.settings) if each.files >= CROWD_FILES]
        if crowds:
            compact(table, crowds)
    except (DeltaError, OSError, UnavailableError) as error:
        _log.debug("%s was not tidied: %s", key, error)


def compact(table: DeltaTable, crowds: Sequence[DayFiles]) -> None:
    """Each of these partitions in one file."""
    days = [each.day for each in crowds if each.day is not None]
    table.optimize.compact(partition_filters=_among(table, days), post_commithook_properties=_HOOKS)


def _among(table: DeltaTable, days: Sequence[Partition]) -> list[tuple[str, str, list[str]]] | None:
    """None for a table that is not parted."""
    return [(table.metadata().partition_columns[0], "in", [*map(str, days)])] if days else None


def _since_checkpoint(lake: Lake, key: str, version: int) -> int:
    """Versions that a reader has to read one by one."""
    try:
        with storage(lake, key).open_input_stream("_delta_log/_last_checkpoint") as stream:
            return version - int(json.loads(stream.read())["version"])
    except FileNotFoundError:
        return version + 1
