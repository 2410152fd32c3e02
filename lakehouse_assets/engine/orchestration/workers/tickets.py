"""A ticket for each run that was handed over and has not begun: a file, so that it outlives a pool that is killed.

    <run>          waits for a worker, since the file's time
    <run>.<pid>    this worker has taken it, and the run has not begun yet

Whoever renames or removes a ticket has it, and only one can: a worker, or the launcher that goes another way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tickets:
    """The tickets of one pool, in a private folder."""

    folder: Path

    @classmethod
    def beside(cls, socket: Path) -> Tickets:
        """Those of the pool that answers at a socket."""
        return cls(socket.with_suffix(".runs"))

    def write(self, run: str) -> None:
        """Lets a run wait; one that waits already keeps its place.

        Raises:
            OSError: there is no such folder here, or it cannot be written.
        """
        try:
            os.close(os.open(self.folder / run, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return
        now = time.time_ns()
        os.utime(self.folder / run, ns=(now, now))

    def withdraw(self, run: str) -> bool:
        """Whether the run still waited; it does no more."""
        return _done(lambda: (self.folder / run).unlink())

    def take(self, run: str, pid: int) -> bool:
        """Whether the run is this worker's now."""
        return _done(lambda: (self.folder / run).rename(self._taken(run, pid)))

    def put_back(self, run: str, pid: int) -> bool:
        """Lets a run wait again, at its old place, whose worker is gone."""
        return _done(lambda: self._taken(run, pid).rename(self.folder / run))

    def begun(self, run: str, pid: int) -> None:
        """Tears the ticket up: from here on Dagster's own record says how far the run is."""
        self._taken(run, pid).unlink(missing_ok=True)

    def waiting(self) -> dict[str, float]:
        """Runs that wait, the first one first, and since when in seconds since 1970."""
        found = [(times, each.name) for each in self._files() if "." not in each.name and (times := _time(each))]
        return {name: times / 1e9 for times, name in sorted(found)}

    def taken(self) -> Iterator[tuple[str, int]]:
        """Runs that a worker has taken and not begun, and the worker's process id."""
        for name in (each.name for each in self._files()):
            run, _, pid = name.partition(".")
            if pid.isdigit():
                yield run, int(pid)

    def _taken(self, run: str, pid: int) -> Path:
        return self.folder / f"{run}.{pid}"

    def _files(self) -> list[Path]:
        return list(self.folder.iterdir())


def _time(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _done(change: object) -> bool:
    try:
        change()  # type: ignore[operator]
    except FileNotFoundError:
        return False
    return True
