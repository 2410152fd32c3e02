"""Rows for people and for programs: as a table where they fit, as blocks where they don't, as JSON lines, as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

WIDEST_CELL = 40
"""Characters that a cell of a table takes before its row is rather shown as a block."""
_BORDER = 3
_FIRST_PRINTABLE = 0x20

Rows = Sequence[Mapping[str, Any]]


def shown(title: str, found: pa.Table, width: int) -> RenderableType:
    """The rows as a table, or one block a row where they are wider than `width` characters."""
    names, rows = found.column_names, [[text(value) for value in row.values()] for row in found.to_pylist()]
    widest = [max(map(len, (name, *(row[at] for row in rows)))) for at, name in enumerate(names)]
    fits = sum(widest) + _BORDER * len(names) + 1 <= width and max(widest, default=0) <= WIDEST_CELL
    return _table(title, names, rows) if fits or not rows else _blocks(title, names, rows)


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> RichTable:
    shown = RichTable(title=title, title_justify="left")
    for name in names:
        shown.add_column(escape(name), overflow="fold")
    for row in rows:
        shown.add_row(*map(escape, row))
    return shown


def _blocks(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Group:
    longest = max(map(len, names))
    lines: list[RenderableType] = [Text(title, style="italic")]
    for number, row in enumerate(rows, start=1):
        block = RichTable.grid(padding=(0, 1))
        block.add_column(no_wrap=True, min_width=longest, style="cyan")
        block.add_column(overflow="fold")
        for name, value in zip(names, row, strict=True):
            block.add_row(escape(name), escape(value))
        lines += [Text(f"row {number}", style="dim"), block]
    return Group(*lines)


def text(value: object) -> str:
    """One value for people: nothing for null, bytes as text where they are any, a list or a map without brackets."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return _printable(decoded(value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_pair(*each) if isinstance(each, tuple) else text(each) for each in value)
    return _printable(str(value))


def _pair(name: object, value: object) -> str:
    return f"{text(name)} {text(value)}"


def decoded(value: bytes) -> str:
    """Bytes as text where they are UTF-8, as `0x...` where they are not."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"0x{value.hex()}"


def _printable(found: str) -> str:
    """Control characters as escapes: what a producer sent must not steer the reader's terminal."""
    return "".join(each if _harmless(each) else repr(each)[1:-1] for each in found)


def _harmless(character: str) -> bool:
    return character == "\n" or (ord(character) >= _FIRST_PRINTABLE and character.isprintable())


def as_json(found: pa.Table) -> str:
    """One JSON object a line; decimals, dates and times as text, bytes as text or `0x...`, maps as objects."""
    lines = [json.dumps({name: plain(value) for name, value in row.items()}) for row in found.to_pylist()]
    return "".join(f"{line}\n" for line in lines)


def as_csv(found: pa.Table) -> str:
    """A header and one line a row; lists and maps as JSON, null as nothing."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(found.column_names)
    for row in found.to_pylist():
        lines.writerow([_csv(plain(value)) for value in row.values()])
    return written.getvalue()


def _csv(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def plain(value: Any) -> Any:
    """A value as JSON takes it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return decoded(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list) and value and all(isinstance(each, tuple) for each in value):
        return {str(name): plain(each) for name, each in value}
    return [plain(each) for each in value] if isinstance(value, list) else str(value)
