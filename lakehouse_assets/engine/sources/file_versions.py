"""File versions: one content of one dropped file, named so that the names sort by the time of the drop.

The name is the `topic_id` of the rows' coordinates: `<LastModified, UTC> <file name> <etag>`, the last two
percent-encoded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

_PARTS = 3
_UNQUOTED = re.compile(r"[A-Za-z0-9_.\-~/]*")


@dataclass(frozen=True)
class FileVersion:
    """One content of one file.

    >>> FileVersion(datetime(2026, 1, 2, tzinfo=UTC), "a b.csv", "0f-1").id
    '2026-01-02T00:00:00.000Z a%20b.csv 0f-1'
    """

    modified: datetime
    """When the store took it, to the millisecond."""
    name: str
    """The object's key below the table's prefix."""
    etag: str

    @property
    def id(self) -> str:
        """The name of this version: a `topic_id`; ids sort by time, then name."""
        modified = self.modified if self.modified.tzinfo is UTC else self.modified.astimezone(UTC)
        stamp = modified.isoformat(timespec="milliseconds")[:-6]
        return f"{stamp}Z {quoted(self.name)} {quoted(self.etag)}"


def quoted(name: str) -> str:
    """A name, or an etag, as it stands in an id."""
    return name if _UNQUOTED.fullmatch(name) else quote(name)


def name_in(topic_id: str) -> str:
    """The quoted name in an id; empty for a Kafka topic's."""
    return topic_id.partition(" ")[2].partition(" ")[0]


def parse(topic_id: str) -> FileVersion | None:
    """The file version of a coordinate's `topic_id`; None for a Kafka topic's."""
    parts = topic_id.split(" ")
    if len(parts) != _PARTS:
        return None
    stamp, name, etag = parts
    return FileVersion(datetime.fromisoformat(stamp), unquote(name), unquote(etag))
