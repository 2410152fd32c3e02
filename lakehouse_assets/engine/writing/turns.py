"""Turns: from plan to commit a table belongs to one writer of this machine, so that increments and rebuilds interleave.

A turn only saves work: without it two plans from the same ledger would be made and Delta would refuse the second one.
The operating system gives a turn back when its process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

WAIT_SECONDS = 900.0
FOLDER = "turns"
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Turn:
    """The right to plan and commit to one table; a context manager that gives it back."""

    file: IO[str]

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Lets the next writer in; a second time does nothing."""
        self.file.close()


def take(settings: Settings, key: str, wait_seconds: float = WAIT_SECONDS) -> Turn:
    """Waits until nobody else plans or commits to the table.

    Raises:
        UnavailableError: somebody did for `wait_seconds`.
    """
    turn = Turn(_file(settings.home / FOLDER, key))
    deadline = time.monotonic() + wait_seconds
    while not _lock(turn.file):
        if time.monotonic() > deadline:
            turn.give_back()
            raise UnavailableError(
                f"another run has been writing for more than {wait_seconds:.0f} s",
                where=key,
                do="Look at the runs in progress; this one is tried again",
            )
        time.sleep(_POLL_SECONDS)
    return turn


def _file(folder: Path, key: str) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / f"{key.replace('/', '_')}.lock").open("w")


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
