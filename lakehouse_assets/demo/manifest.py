"""The manifest: what the producer sent and where the broker put it, one JSON line a record.

    {"partition", "offset", "label", "event_date", "TransactionNo", "ProductNo", "Price"}

The price has two decimals and is null where the record has none.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType


class Manifest:
    """A file to add lines to; whole lines reach it in one write, so a kill leaves a valid prefix."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines: list[str] = []
        self._file = -1

    def __enter__(self) -> Manifest:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
        if self._file >= 0:
            os.close(self._file)

    def add(self, partition: int, offset: int, entry: str) -> None:
        """Note one delivered record; `entry` is the line after its coordinate."""
        self._lines.append(f'{{"partition": {partition}, "offset": {offset}, {entry}\n')

    def flush(self) -> None:
        """Write what was noted since the last flush."""
        text, self._lines = "".join(self._lines).encode(), []
        while self._file >= 0 and text:
            text = text[os.write(self._file, text) :]
