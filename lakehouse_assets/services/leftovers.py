"""Processes that outlived their supervisor: found by the marker in their environment, ended by their pid."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from lakehouse_assets.services.supervisor import MARKER

TERM_TIMEOUT_SECONDS = 10.0
KILL_TIMEOUT_SECONDS = 5.0


def find(home: Path) -> list[psutil.Process]:
    """Every process that was started for this home, but not the one that asks nor those above it."""
    here = psutil.Process()
    above = {here.pid, *(parent.pid for parent in here.parents())}
    return [each for each in psutil.process_iter() if each.pid not in above and _belongs(each, home)]


def end(home: Path, patience_seconds: float = TERM_TIMEOUT_SECONDS) -> int:
    """End every leftover process of this home, politely first; say how many there were.

    A process may start another one while it is being ended, so look again until none is found.
    """
    ended = 0
    while found := find(home):
        ended += len(found)
        _signal(found, "terminate")
        _, alive = psutil.wait_procs(found, timeout=patience_seconds)
        _signal(alive, "kill")
        psutil.wait_procs(alive, timeout=KILL_TIMEOUT_SECONDS)
    return ended


def _belongs(process: psutil.Process, home: Path) -> bool:
    try:
        if process.uids().real != os.getuid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return bool(process.environ().get(MARKER) == str(home))
    except (psutil.Error, OSError):
        return False


def _signal(processes: list[psutil.Process], verb: str) -> None:
    for process in processes:
        try:
            getattr(process, verb)()
        except psutil.NoSuchProcess:
            continue
