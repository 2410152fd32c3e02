"""Reading CSV strictly: every row of a file, or the one reason why the whole file cannot be trusted."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from lakehouse_assets.engine.sources.csv_format import Csv, names_fault
from lakehouse_assets.engine.sources.csv_text import FaultError, Text, text_of
from lakehouse_assets.engine.sources.shown_text import listed, reason, shown

_DEFAULT: Final = Csv()
_MOST_BYTES: Final = 256 * 2**20
_LINE_ENDS: Final = ("\n", "\r")
_EMPTY: Final = ("\n", "\r\n", "\r", "")
csv.field_size_limit(2**31 - 1)


class Row(NamedTuple):
    """One row: the byte offset of its first line in the file, and its cells by column as a JSON object of strings.

    Of a file that is set aside: its beginning, None where it cannot be read.
    """

    offset: int
    value: bytes | None


@dataclass(frozen=True)
class Parsed:
    """What a file holds: its rows, or no row and why."""

    rows: tuple[Row, ...] = ()
    fault: str | None = None
    """Names the line (from 1) and the column; at most 300 characters."""


def parse(body: bytes, required: Sequence[str], form: Csv = _DEFAULT, most_bytes: int = _MOST_BYTES) -> Parsed:
    """The rows of an unpacked CSV file that has all `required` columns.

    Strict: the same number of cells in every row, quotes that close. Empty lines at the end are nothing, elsewhere they
    are a fault. Further columns are kept. The rows take at most `most_bytes` as JSON.

    >>> parse(b"a,b\\n1,x\\n", ["a"]).rows
    (Row(offset=4, value=b'{"a":"1","b":"x"}'),)
    >>> parse(b"a,b\\n1\\n", ["a"]).fault
    "line 2: 1 cell, the header has 2; none for column 'b'"
    """
    try:
        return Parsed(tuple(_bounded(_rows(text_of(body, form), required, form), most_bytes)))
    except FaultError as fault:
        return Parsed(fault=reason(str(fault)))


def _bounded(rows: Iterator[Row], most_bytes: int) -> Iterator[Row]:
    room = most_bytes
    for row in rows:
        room -= len(row.value or b"")
        if room < 0:
            raise FaultError(f"its rows, each with the columns' names, take more than {most_bytes} bytes: split it")
        yield row


def _rows(found: Text, required: Sequence[str], form: Csv) -> Iterator[Row]:
    lines = _complete(found.lines, form)
    cells_of = _reader(lines, form)
    header = list(form.header) if form.header is not None else _header(cells_of)
    _check_header(header, required)
    for number, cells in cells_of:
        if len(cells) != len(header):
            raise FaultError(f"line {number}: {_width_fault(cells, header)}{_cut(lines, number)}")
        text = json.dumps(dict(zip(header, cells, strict=True)), ensure_ascii=False, separators=(",", ":"))
        yield Row(found.starts[number - 1], text.encode())


def _complete(lines: list[str], form: Csv) -> list[str]:
    """First of all: whatever else is wrong with a file that was cut off follows from that."""
    last = len(lines)
    while last and lines[last - 1] in _EMPTY:
        last -= 1
    if not last and form.header is None:
        raise FaultError("line 1: the file is empty; it needs a header")
    if last and form.last_line_end == "required" and not lines[last - 1].endswith(_LINE_ENDS):
        raise FaultError(f"line {last}: no line end after the last row: the file seems to be cut off")
    return lines[:last]


def _reader(texts: list[str], form: Csv) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row, and the line (from 1) at which it begins."""
    quoting: Literal[0, 3] = csv.QUOTE_NONE if form.quote is None else csv.QUOTE_MINIMAL
    reader = csv.reader(
        iter(texts),
        delimiter=form.delimiter,
        quotechar=form.quote,
        escapechar=form.escape,
        quoting=quoting,
        strict=True,
    )
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise FaultError(f"line {number}: {_explained(error, form)}") from error
        if cells is None:
            return
        yield number, cells


def _explained(error: csv.Error, form: Csv) -> str:
    return "a quote that nothing closes before the file ends" if "end of data" in str(error) else _said(error, form)


def _said(error: csv.Error, form: Csv) -> str:
    is_behind_quote = "expected after" in str(error)
    return f"{form.delimiter!r} expected after {form.quote!r}" if is_behind_quote else str(error)


def _header(cells_of: Iterator[tuple[int, list[str]]]) -> list[str]:
    return next(cells_of)[1]


def _check_header(names: list[str], required: Sequence[str]) -> None:
    known = frozenset(names)
    if missing := [name for name in required if name not in known]:
        raise FaultError(f"line 1: no column {listed(missing)}; {_instead(names, missing)}")
    if fault := names_fault(names):
        raise FaultError(f"line 1: {fault}")


def _instead(names: list[str], missing: Sequence[str]) -> str:
    """A name that is nearly the one looked for, else those that are there."""
    wanted = {name.strip().casefold() for name in missing}
    near = [name for name in names if name.strip().casefold() in wanted]
    if near:
        return f"it is called {listed(near)}: names must be equal, letter for letter"
    return f"the header has {listed(names)}" if names else "line 1 is empty"


def _width_fault(cells: Sequence[str], header: Sequence[str]) -> str:
    have, want = len(cells), len(header)
    if not have:
        return "an empty line between rows; only at the end it means nothing"
    which = f"none for column {shown(header[have])}" if have < want else f"too many after column {shown(header[-1])}"
    return f"{have} cell{'s' * (have != 1)}, the header has {want}; {which}"


def _cut(lines: Sequence[str], number: int) -> str:
    return "" if number < len(lines) or lines[-1].endswith(_LINE_ENDS) else ", and no line end: was the file cut off?"
