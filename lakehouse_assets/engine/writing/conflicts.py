"""Conflicts: another commit came first. Where the rows are the same, the batch is written again; else it has lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from deltalake.exceptions import CommitFailedError
from pyspark.errors import PySparkException

from lakehouse_assets.errors import SupersededError

WRITE_TRIES: Final = 3
_ERRORS = (PySparkException, CommitFailedError)
_NOT_ALLOWED: Final = "append-only"
"""delta-rs raises the error of a lost race also for what a table does not allow."""
_OF_SPARK: Final = ("DELTA_CONCURRENT", "DELTA_METADATA_CHANGED", "DELTA_PROTOCOL_CHANGED")


@contextmanager
def by_whoever_comes_first() -> Iterator[None]:
    """For what any writer may do: whoever comes second finds it done."""
    try:
        yield
    except _ERRORS as error:
        if not is_conflict(error):
            raise


def is_conflict(error: Exception) -> bool:
    """Whether a commit was refused because another one came first."""
    if isinstance(error, CommitFailedError):
        return _NOT_ALLOWED not in str(error)
    return any(name in str(error) for name in _OF_SPARK)


def past_compaction(write: Callable[[], None], may_repeat: Callable[[], bool], key: str) -> None:
    """Writes again when a compaction moved rows between files meanwhile: they are the same rows, so the plan holds.

    `may_repeat` says whether nothing but maintenance has been committed since the plan.

    Raises:
        SupersededError: another commit came first, or compactions kept coming.
    """
    for last in (False,) * (WRITE_TRIES - 1) + (True,):
        try:
            write()
        except _ERRORS as error:
            if not is_conflict(error):
                raise
            if last or not may_repeat():
                raise superseded(key) from error
        else:
            break


def superseded(key: str) -> SupersededError:
    """What a plan is told that lost to another commit."""
    return SupersededError(
        "another commit came between plan and commit",
        where=key,
        do="Nothing is lost or doubled; the next batch is planned from the table's ledger",
    )
