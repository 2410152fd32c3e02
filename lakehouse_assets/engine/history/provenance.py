"""Which source records are in a version of a table: exact offset or byte ranges, from its ledger."""

from __future__ import annotations

from heapq import nlargest
from typing import Final

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.meeting import topic_ids_of
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.sources.file_versions import parse
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import LakehouseError

Row = tuple[str, ...]

OFFSETS: Final[Row] = ("topic id", "partition", "first offset", "last offset", "offsets")
FILES: Final[Row] = ("dropped", "file", "etag", "first byte", "last byte", "bytes")
MOST_FILES_SHOWN: Final = 50
"""In metadata, which every event repeats."""


def ledger_at(lake: Lake, key: str, version: int | None = None) -> Ledger:
    """The ledger as of a version.

    Raises:
        LakehouseError: there is no such table or version, or its history states no position.
    """
    newest = lake.version(key)
    if newest < 0:
        raise LakehouseError("there is no such table", where=key, do="Give a key like gold/sales/daily_revenue")
    if version is not None and not 0 <= version <= newest:
        raise LakehouseError(f"there is no version {version}", where=key, do=f"Give one from 0 to {newest}")
    return lake.ledger(key, version)


def by_source(lake: Lake, table: Table | None, position: Position) -> dict[str, Position]:
    """What a position says of each source of a table, by the source in words; as it is where there is one."""
    if table is None or len(table.sources) < 2:
        return {"": position}
    return {source.origin: position.only(topic_ids_of(lake, source)) for source in table.sources}


def position_table(position: Position) -> str:
    """A position as a Markdown table: exact ranges, or file versions, of which only the newest are listed."""
    newest = _newest(position)
    older = len(position) - len(newest)
    headings, rows = ranges(newest)
    lines = [_line(headings), "|---" * len(headings) + "|", *map(_line, rows)]
    return "\n".join(lines) + (f"\n\nand {older} older ones: `lakehouse provenance` lists them" if older else "")


def _newest(position: Position) -> Position:
    """The newest files of a long position; any other one as it is."""
    if len(position) <= MOST_FILES_SHOWN or not parse(next(iter(position.epochs))):
        return position
    return Position({topic_id: position.epochs[topic_id] for topic_id in nlargest(MOST_FILES_SHOWN, position.epochs)})


def ranges(position: Position) -> tuple[Row, list[Row]]:
    """Headings, and a row for each range that holds something; ends are inclusive."""
    held = [part for part in position.slices() if len(part)]
    files = [_file(part) for part in held if parse(part.topic_id)]
    if files:
        return FILES, sorted(files)
    return OFFSETS, [
        (part.topic_id, str(part.partition), str(part.start), str(part.end - 1), str(len(part))) for part in held
    ]


def _file(part: Slice) -> Row:
    version = parse(part.topic_id)
    assert version is not None
    dropped = part.topic_id.partition(" ")[0]
    return dropped, version.name, version.etag, str(part.start), str(part.end - 1), str(len(part))


def _line(cells: Row) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
