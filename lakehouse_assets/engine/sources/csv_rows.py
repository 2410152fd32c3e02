"""Reading CSV strictly: every row of a file, or the one reason why the whole file cannot be trusted."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Row(NamedTuple):
    """One row: the byte offset of its first line in the file, and its cells by column as a JSON object of strings."""

    offset: int
    value: bytes


@dataclass(frozen=True)
class Parsed:
    """What a file holds: its rows, or no row and why."""

    rows: tuple[Row, ...] = ()
    fault: str | None = None
    """Names the line (from 1) and the column."""


class _FaultError(ValueError):
    """Ends the reading; its text is the fault."""


def parse(body: bytes, required: Sequence[str]) -> Parsed:
    """The rows of a UTF-8 CSV file with a header that has all `required` columns.

    Strict: the same number of cells in every row, quotes that close, a line end after the last row. Further columns are
    kept.

    >>> parse(b"a,b\\n1,x\\n", ["a"]).rows
    (Row(offset=4, value=b'{"a":"1","b":"x"}'),)
    >>> parse(b"a,b\\n1\\n", ["a"]).fault
    "line 2: 1 cell, the header has 2; none for column 'b'"
    """
    try:
        return Parsed(tuple(_rows(body, required)))
    except _FaultError as fault:
        return Parsed(fault=str(fault))


def _rows(body: bytes, required: Sequence[str]) -> Iterator[Row]:
    lines = body.splitlines(keepends=True)
    offsets = [0, *accumulate(map(len, lines))]
    texts = [*_decoded(lines)]
    _check_complete(lines)
    reader = csv.reader(iter(texts), strict=True)
    header: list[str] = []
    while True:
        first_line = reader.line_num
        cells = _next(reader, first_line + 1)
        if cells is None:
            break
        if not header:
            header = _checked_header(cells, required)
            continue
        _check_width(cells, header, first_line + 1)
        text = json.dumps(dict(zip(header, cells, strict=True)), ensure_ascii=False, separators=(",", ":"))
        yield Row(offsets[first_line], text.encode())


def _decoded(lines: Sequence[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        whole = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        try:
            yield whole.decode()
        except UnicodeDecodeError as error:
            at = f"line {number}, byte {error.start + 1} (0x{whole[error.start]:02x})"
            raise _FaultError(f"{at}: not UTF-8") from error


def _next(reader: Iterator[list[str]], line: int) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        raise _FaultError(f"line {line}: {error}") from error


def _checked_header(cells: list[str], required: Sequence[str]) -> list[str]:
    shown = ", ".join(map(repr, cells))
    missing = [name for name in required if name not in cells]
    if missing:
        raise _FaultError(f"line 1: no column {', '.join(map(repr, missing))}; the header has {shown or 'none'}")
    repeated = [name for name in cells if cells.count(name) > 1]
    if repeated:
        raise _FaultError(f"line 1: column {repeated[0]!r} comes {cells.count(repeated[0])} times")
    return cells


def _check_width(cells: Sequence[str], header: Sequence[str], line: int) -> None:
    have, want = len(cells), len(header)
    if have == want:
        return
    which = f"none for column {header[have]!r}" if have < want else f"too many after column {header[-1]!r}"
    raise _FaultError(f"line {line}: {have} cell{'s' * (have != 1)}, the header has {want}; {which}")


def _check_complete(lines: Sequence[bytes]) -> None:
    """First of all: whatever else is wrong with a file that was cut off follows from that."""
    if not lines:
        raise _FaultError("line 1: the file is empty; it needs a header")
    if not lines[-1].endswith((b"\n", b"\r")):
        raise _FaultError(f"line {len(lines)}: no line end after the last row: the file seems to be cut off")
