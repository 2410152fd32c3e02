"""Which dropped files an increment may take: pure decisions over a listing and a table's position.

A file version is one slice: its rows' coordinates are byte offsets, so the slice ends at the file's size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.sources.file_versions import FileVersion, name_in, parse, quoted

MOST_FILES = 1_000
_HIDDEN_BEGINNINGS = ("_", ".")
_HALF_WRITTEN_ENDINGS = (".tmp", ".part")


@dataclass(frozen=True)
class Dropped:
    """One file as the store lists it."""

    version: FileVersion
    size: int
    """Bytes; of a compressed file the most that it can hold, or that is read of it."""

    def slice(self) -> Slice:
        """All of the file; an empty one still has a coordinate to be set aside under."""
        return Slice(self.version.id, 0, 0, max(1, self.size))


@dataclass(frozen=True)
class Listing:
    """The files of a drop at one moment, by the store's own clock."""

    files: tuple[Dropped, ...]
    now: datetime


def plan(
    listing: Listing, position: Position, settle_seconds: float, most_bytes: int, most_files: int = MOST_FILES
) -> tuple[Slice, ...]:
    """The next whole files to take, oldest first; a file that may still be replaced is left to settle."""
    until = _settled_until(listing, settle_seconds)
    ready = [part for part, version in _new(listing, position) if version.modified <= until]
    return whole_files(ready, most_bytes, most_files)


def settled(listing: Listing, settle_seconds: float) -> list[FileVersion]:
    """Every file version that is old enough to be taken."""
    until = _settled_until(listing, settle_seconds)
    return [file.version for file in listing.files if file.version.modified <= until]


def _settled_until(listing: Listing, settle_seconds: float) -> datetime:
    return listing.now - timedelta(seconds=settle_seconds)


def pending(listing: Listing, position: Position) -> tuple[Slice, ...]:
    """Every file version still to be taken, also those that have not settled."""
    return tuple(part for part, _ in _new(listing, position))


def _new(listing: Listing, position: Position) -> list[tuple[Slice, FileVersion]]:
    """A file whose newest taken version has the same content is a repetition, whatever its time says."""
    known = position.epochs
    unknown = [file for file in listing.files if file.version.id not in known and not is_hidden(file.version.name)]
    taken = newest_taken(position, {file.version.name for file in unknown})
    found = [file for file in unknown if taken.get(file.version.name) != file.version.etag]
    return sorted(((file.slice(), file.version) for file in found), key=lambda each: each[0])


def newest_taken(position: Position, names: Collection[str]) -> dict[str, str]:
    """The etag of the newest version taken of each file, by its name."""
    if not names:
        return {}
    wanted = {quoted(name) for name in names}
    found = sorted(topic_id for topic_id in position.epochs if name_in(topic_id) in wanted)
    return {version.name: version.etag for topic_id in found if (version := parse(topic_id))}


def is_hidden(name: str) -> bool:
    """Whether writers mean a file of this name to be overlooked: `_SUCCESS`, `.part-0`, `x.csv.tmp`, `folder/`."""
    if not name or name.endswith("/"):
        return True
    has_hidden_part = any(part.startswith(_HIDDEN_BEGINNINGS) for part in name.split("/"))
    return has_hidden_part or name.lower().endswith(_HALF_WRITTEN_ENDINGS)


def whole_files(slices: Iterable[Slice], most_bytes: int, most_files: int = MOST_FILES) -> tuple[Slice, ...]:
    """The first files that fit into `most_bytes` together; at least one, so that a big one cannot stop the flow."""
    taken: list[Slice] = []
    room = most_bytes
    for part in slices:
        room -= len(part)
        if taken and (room < 0 or len(taken) == most_files):
            break
        taken.append(part)
    return tuple(taken)


def still_held(listing: Listing, position: Position, days: Collection[Partition]) -> tuple[Slice, ...]:
    """The slices of a position dropped on these days whose content is still there, not deleted and not replaced."""
    current = {(file.version.name, file.version.etag) for file in listing.files}
    return tuple(
        part
        for part in position.slices()
        if (version := parse(part.topic_id))
        and version.modified.date() in days
        and (version.name, version.etag) in current
    )
