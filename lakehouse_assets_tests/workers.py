"""Processes of their own that work at a word: a line that they are told is answered by lines, the last one `done`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DONE = "done"
STOP_SECONDS = 60
_MARK = "> "
"""Before each answer: whatever else is printed is none."""


@dataclass
class Worker:
    """One process, and the file that holds what it logs."""

    process: subprocess.Popen[str]
    log: Path

    def tell(self, *words: str) -> Worker:
        """One line."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self

    def heard(self) -> str:
        """Its next answer.

        Raises:
            AssertionError: it has ended; with the end of its log.
        """
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(_MARK):
                return line.removeprefix(_MARK).strip()
        raise AssertionError(f"it ended:\n{self.log.read_text()[-6000:]}")

    def ask(self, *words: str) -> list[str]:
        """Its answers to one line, without the last."""
        self.tell(*words)
        return [*iter(self.heard, DONE)]


@contextmanager
def worker(module: str, *arguments: str, log: Path, **environment: str) -> Iterator[Worker]:
    """A worker that runs a module; it ends with the block. `environment` comes on top of this process's own."""
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=os.environ | environment,
            cwd=environment.get("PYTHONPATH"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        try:
            yield Worker(process, log)
        finally:
            process.kill()
            process.wait(STOP_SECONDS)


def told() -> Iterator[list[str]]:
    """In the worker: the words of each line."""
    yield from (line.split() for line in sys.stdin)


def say(*words: object) -> None:
    """In the worker: one answer."""
    sys.stdout.write(f"{_MARK}{' '.join(map(str, words))}\n")
    sys.stdout.flush()
