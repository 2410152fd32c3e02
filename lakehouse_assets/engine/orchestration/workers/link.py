"""The worker's end of the link to its pool: a thread that listens while the main thread executes runs."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from lakehouse_assets.engine.orchestration.workers.messages import line

GRACE_SECONDS = 10.0
"""How long a run whose pool is gone may take to end."""


class Link:
    """Runs come out of it in order; a cancel interrupts the main thread, if that run is still the one it executes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.before_cancel: Callable[[str], None] = lambda _run: None
        """Called with a run that is about to be interrupted, in the listening thread."""
        self._asked: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._run: str | None = None
        self.cancelled = False
        """Whether the run of the main thread was cancelled."""
        threading.Thread(target=self._listen, name="pool", daemon=True).start()

    def say(self, **said: object) -> None:
        """Tells the pool something; one that is gone hears nothing."""
        try:
            self._connection.sendall(line(**said))
        except OSError:
            return

    def asked(self, seconds: float) -> str | None:
        """The next run; None when the worker is to end.

        Raises:
            queue.Empty: none has come for so long.
        """
        return self._asked.get(timeout=seconds)

    def begin(self, run: str) -> None:
        """From here on a cancel of this run interrupts the main thread."""
        with self._lock:
            self._run, self.cancelled = run, False

    def finish(self) -> None:
        """From here on nothing does."""
        with self._lock:
            self._run = None

    def _listen(self) -> None:
        try:
            for said in self._connection.makefile("rb"):
                self._hear(json.loads(said))
        except OSError:
            pass
        self._pool_is_gone()

    def _hear(self, said: dict[str, Any]) -> None:
        if "run" in said:
            self._asked.put(said["run"])
        elif "cancel" in said:
            self._cancel(said["cancel"])
        elif "end" in said:
            self._asked.put(None)

    def _cancel(self, run: str | None) -> None:
        with self._lock:
            if run is not None and run == self._run:
                self.cancelled = True
                self.before_cancel(run)
                self._interrupt()

    def _interrupt(self) -> None:
        if self._run:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _pool_is_gone(self) -> None:
        """Nobody could say any more whether the run is still alive: it is interrupted, and the process ends with it."""
        with self._lock:
            self._interrupt()
        deadline = time.monotonic() + GRACE_SECONDS
        while self._run and time.monotonic() < deadline:
            time.sleep(0.02)
        os._exit(1 if self._run else 0)
