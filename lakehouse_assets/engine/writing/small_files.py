"""Whole partitions of a table that lie in many small files: each file comes by one request, and by none a second time.

A query engine asks at least three times for a file, for its length, its footer and its columns, and a batch over a year
of days asks for each day's file several times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.writing.protocol import takes

FEWEST: Final = 16
"""Files; of fewer a query reads less than all of each."""
MOST_FILE_BYTES: Final = 256 * 2**10
MOST_BYTES: Final = 32 * 2**20
_READERS: Final = 8
_PARTITION: Final = "partition."
_ESCAPE: Final = "%"
"""In a path it may stand for itself or begin an escaped character: a log does not say which."""


def rows(lake: Lake, key: str, table: DeltaTable, partitions: pa.Array) -> pa.Table | None:
    """All rows of some partitions in the table's columns; None where a query reads them better, or no other may."""
    parted_by = table.metadata().partition_columns
    if len(partitions) < FEWEST or len(parted_by) != 1 or not takes(table):
        return None
    try:
        files = _files(table, parted_by[0], partitions)
        return _read(lake, key, table, parted_by[0], files) if _are_small(files) else None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _are_small(files: pa.Table) -> bool:
    sizes = files["size_bytes"]
    return (
        files.num_rows >= FEWEST
        and pc.max(sizes).as_py() <= MOST_FILE_BYTES
        and pc.sum(sizes).as_py() <= MOST_BYTES
        and not pc.any(pc.match_substring(files["path"], _ESCAPE)).as_py()
    )


def _files(table: DeltaTable, name: str, partitions: pa.Array) -> pa.Table:
    every = pa.table(table.get_add_actions(flatten=True)).select(["path", "size_bytes", _PARTITION + name])
    wanted = partitions.cast(every[_PARTITION + name].type)
    return every.filter(pc.is_in(every[_PARTITION + name], value_set=wanted))


def _read(lake: Lake, key: str, table: DeltaTable, name: str, files: pa.Table) -> pa.Table:
    schema = pa.schema(table.schema().to_arrow())
    known = dict(zip(files["path"].to_pylist(), files["size_bytes"].to_pylist(), strict=True))
    handler = DeltaStorageHandler(lake.uri(key), lake.storage_options(), known)

    def fetched(path: str) -> pa.Table:
        return lake.file(key, path, lambda: _parsed(handler.open_input_file(path).read()))

    with ThreadPoolExecutor(_READERS) as readers:
        found = [*readers.map(fetched, known)]
    return pa.concat_tables(_parts(found, files[_PARTITION + name], name, schema))


def _parsed(body: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(body), coerce_int96_timestamp_unit="us")


def _parts(found: Sequence[pa.Table], values: pa.ChunkedArray, name: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """The files' rows in the table's columns; null where a file is older than a column."""
    for rows, value in zip(found, values, strict=True):
        columns = [
            pa.repeat(value.cast(each.type), rows.num_rows)
            if each.name == name
            else rows[each.name].cast(each.type)
            if each.name in rows.column_names
            else pa.nulls(rows.num_rows, each.type)
            for each in schema
        ]
        yield pa.table(columns, schema=schema)
