"""A few rows of a day as a Markdown table: personal values masked, long ones shortened, payloads only as sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow.parquet as pq
from pyarrow.fs import FileSystem

from lakehouse_assets.engine.display import markdown
from lakehouse_assets.engine.grids import Grid
from lakehouse_assets.engine.history.commit_log import AddedFile
from lakehouse_assets.engine.table import Table

MOST_ROWS = 10
MOST_CHARACTERS = 32
MASK = "•••"

_READ_AHEAD_BYTES = 65_536

Row = Mapping[str, Any]


def of_files(table: Table, storage: FileSystem, files: Iterable[AddedFile]) -> str | None:
    """Up to ten rows of these files as Markdown; None where they hold none.

    Reads the first pages of as few files as possible; passes over files with rows marked as deleted.
    """
    rows = [row for _, row in zip(range(MOST_ROWS), _rows(table.grid, storage, files), strict=False)]
    return shown(table, rows) if rows else None


def _rows(grid: Grid, storage: FileSystem, files: Iterable[AddedFile]) -> Iterator[Row]:
    for file in files:
        if file.has_deletions:
            continue
        with storage.open_input_file(file.path) as opened:
            parquet = pq.ParquetFile(opened, buffer_size=_READ_AHEAD_BYTES, pre_buffer=False)
            batch = next(parquet.iter_batches(batch_size=MOST_ROWS), None)
        for row in batch.to_pylist() if batch else []:
            yield dict.fromkeys(grid.columns, file.day) | row


def shown(table: Table, rows: Sequence[Row]) -> str:
    """Rows as Markdown: a record of a topic by its coordinate and sizes, any other row by its business columns."""
    columns = _record_columns(table.grid) if table.contract is None else _business_columns(table, [*rows[0]])
    numbers = [name for name in columns if all(_is_number(columns[name](row)) for row in rows)]
    cells = ([_text(column(row)) for column in columns.values()] for row in rows)
    return markdown.table([*columns], cells, right=numbers)


def _record_columns(grid: Grid) -> dict[str, Callable[[Row], Any]]:
    """A payload may hold anything, also about persons: its size is all that is shown."""
    plain = {name: _value(name) for name in (*grid.columns, "partition", "offset", "timestamp")}
    sized = {f"{name} bytes": _size(name) for name in ("key", "value")}
    return plain | sized | {"headers": _size("headers")}


def _business_columns(table: Table, names: Sequence[str]) -> dict[str, Callable[[Row], Any]]:
    wanted = [*table.grid.columns, *(table.contract.fields.names if table.contract else names)]
    masked = table.contract.personal if table.contract else frozenset[str]()
    present = [name for name in dict.fromkeys(wanted) if name in names]
    return {name: _mask(name) if name in masked else _value(name) for name in present}


def _value(name: str) -> Callable[[Row], Any]:
    return lambda row: row.get(name)


def _size(name: str) -> Callable[[Row], Any]:
    return lambda row: None if row.get(name) is None else len(row[name])


def _mask(name: str) -> Callable[[Row], Any]:
    return lambda row: None if row.get(name) is None else MASK


def _is_number(value: Any) -> bool:
    return value is None or (not isinstance(value, str | bytes | date | list | dict | bool))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds" if value.microsecond else "seconds").split("+")[0]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
