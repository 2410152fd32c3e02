"""Reading dropped files: the rows of a good one, the beginning of a bad one and why it is set aside.

A file that the store does not give out stops none of the others: after some tries it is set aside like a bad one, if
the store still lists it and gives out another file. Otherwise it is the store that does not answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.sources import csv_rows, drop_planning, file_versions, landing
from lakehouse_assets.engine.sources.csv_rows import Row
from lakehouse_assets.engine.sources.csv_text import FaultError, unpacked
from lakehouse_assets.engine.sources.file_versions import FileVersion
from lakehouse_assets.engine.sources.landing import UnreadableError
from lakehouse_assets.engine.sources.shown_text import reason
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.drop import DropTable

FAULT: Final = "file: "
"""Each reason for which a whole file is set aside begins so."""
SHOWN_BYTES: Final = 64 * 1024
"""So much of a file that is set aside is kept in the quarantine."""
TRIES: Final = 3
_WAIT_SECONDS: Final = 0.3
_MOST_PROBES: Final = 5
_MOST_JSON_RATIO: Final = 8
"""The rows of a file take at most so many times `max_bytes_per_file`, with the names of their columns."""


@dataclass(frozen=True)
class File:
    """What is taken of one file version."""

    rows: tuple[Row, ...]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reader:
    """Reads the files of one table."""

    settings: Settings
    table: DropTable

    def files(self, slices: Sequence[Slice]) -> Mapping[Slice, File]:
        """What is taken of each file.

        Raises:
            UnavailableError: the store does not answer, or a file was replaced or deleted since it was listed.
        """
        read = {part: self._tried(part) for part in slices}
        refused = {part: found for part, found in read.items() if isinstance(found, UnreadableError)}
        if refused:
            self._check_store(refused, slices)
        return {
            part: self._passed_over(part, found) if isinstance(found, UnreadableError) else found
            for part, found in read.items()
        }

    def _tried(self, part: Slice) -> File | UnreadableError:
        for attempt in range(1, TRIES + 1):
            try:
                return self._file(part, version_of(part))
            except UnreadableError as error:
                last = error
            time.sleep(_WAIT_SECONDS * attempt)
        return last

    def _check_store(self, refused: Mapping[Slice, UnreadableError], slices: Sequence[Slice]) -> None:
        """Only a file that is still listed as planned is to blame, and only while another one can be read."""
        listing = landing.listing(self.settings, self.table.prefix)
        listed = {file.version.id for file in listing.files}
        gone = [error for part, error in refused.items() if part.topic_id not in listed]
        if gone:
            raise gone[0]
        if len(refused) == len(slices) and not any(self._others(listing, refused)):
            raise next(iter(refused.values()))

    def _others(self, listing: drop_planning.Listing, refused: Mapping[Slice, UnreadableError]) -> Iterator[bool]:
        ids = {part.topic_id for part in refused}
        others = [file.version for file in listing.files if file.version.id not in ids]
        for version in sorted(others, key=lambda each: each.id)[-_MOST_PROBES:]:
            try:
                landing.content(self.settings, self.table.prefix, version, 1)
            except UnreadableError:
                yield False
            else:
                yield True

    def _passed_over(self, part: Slice, error: UnreadableError) -> File:
        day = version_of(part).modified.date()
        said = f"cannot be read while others can, tried {TRIES} times: {error.says}"
        return _bad(part, None, f"{said}. Once it can be read: `lakehouse backfill {self.table.key} {day}`")

    def _file(self, part: Slice, version: FileVersion) -> File:
        most, is_compressed = self.settings.max_bytes_per_file, self.table.format.is_compressed(version.name)
        if len(part) > most:
            start = landing.content(self.settings, self.table.prefix, version, SHOWN_BYTES)
            return _bad(part, start, _too_large(f"{len(part)} bytes", most))
        body = landing.content(self.settings, self.table.prefix, version, most + 1)
        if len(body) > most:
            return _bad(part, body, _too_large(f"more than {most} bytes", most))
        return self._parsed(part, body, is_compressed=is_compressed)

    def _parsed(self, part: Slice, body: bytes, *, is_compressed: bool) -> File:
        most = self.settings.max_bytes_per_file
        try:
            text = unpacked(body, most) if is_compressed else body
        except FaultError as fault:
            return _bad(part, body, str(fault))
        parsed = csv_rows.parse(text, self.table.required, self.table.format, _MOST_JSON_RATIO * most)
        return File(parsed.rows) if parsed.fault is None else _bad(part, text, parsed.fault)


def version_of(part: Slice) -> FileVersion:
    """The file version that a slice is of."""
    version = file_versions.parse(part.topic_id)
    assert version is not None
    return version


def _too_large(size: str, most: int) -> str:
    return f"{size}, at most {most} are read: split it"


def _bad(part: Slice, body: bytes | None, fault: str) -> File:
    return File((Row(part.start, None if body is None else body[:SHOWN_BYTES]),), (reason(FAULT + fault),))
