"""What tables hold from before: rows, versions and small files, written by delta-rs and alike for every contender."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from deltalake.transaction import AddAction, RemoveAction

from benchmarks.harness.oracle import FACTS
from benchmarks.harness.reading import GOLD
from benchmarks.harness.records import CUSTOMERS, PRODUCTS
from benchmarks.harness.site import Site
from lakehouse_assets.access import s3

CHUNK = 500_000
VALUE = b'{"TransactionNo": "9", "Date": "2017-03-01", "ProductNo": "P1", "ProductName": "something", "Price": 1.00}'
EPOCH = date(1970, 1, 1)
THREADS = 8


def facts(first: int, count: int, days: Sequence[date]) -> pa.Table:
    """Rows `first` to `first + count` of the past, see `oracle.FACTS`; spread over the days in turn."""
    number = np.arange(first, first + count, dtype=np.int64)
    at = np.array([(day - EPOCH).days for day in days], dtype=np.int64)[number % len(days)]
    columns = {
        "event_date": pa.array(at.astype(np.int32), pa.int32()).cast(pa.date32()),
        "TransactionNo": pc.binary_join_element_wise("9", pa.array(number + 10**11).cast(pa.string()), ""),
        "ProductNo": pc.binary_join_element_wise("P", pa.array(number % PRODUCTS).cast(pa.string()), ""),
        "Price": cents(1 + number % 9_999),
        "Quantity": pa.array((1 + number % 8).astype(np.int32)),
        "CustomerNo": pa.array(number % CUSTOMERS),
        "event_time": pa.array((at * 86_400 + number % 86_400) * 1_000_000, pa.timestamp("us", "UTC")),
        "is_cancellation": pa.array(np.zeros(count, dtype=bool)),
    }
    return pa.table(columns, schema=FACTS)


def cents(amounts: np.ndarray[Any, np.dtype[np.int64]]) -> pa.Array:
    """Cents as decimals of dollars: 128 bits each, the sign in the upper half."""
    halves = np.stack([amounts, amounts >> 63], axis=1)
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(amounts), [None, pa.py_buffer(halves.tobytes())])


def chunks(count: int) -> Iterator[tuple[int, int]]:
    """(first, count) of each commit."""
    for first in range(0, count, CHUNK):
        yield first, min(CHUNK, count - first)


@dataclass(frozen=True)
class Past:
    """Writes what was there before to the tables of one contender, while it is at rest."""

    site: Site
    prefix: str

    def rows(self, count: int, days: Sequence[date]) -> pa.Table:
        """So many rows in bronze and silver, over the days; returns those of silver as the oracle knows them."""
        pieces = []
        for first, size in chunks(count):
            piece = facts(first, size, days)
            self._append("bronze", of_bronze(first, piece))
            self._append("silver", of_silver(first, piece))
            pieces.append(piece)
        return pa.concat_tables(pieces) if pieces else FACTS.empty_table()

    def versions(self, count: int) -> None:
        """So many further commits without rows in every table, and a checkpoint after them."""
        feed = self.site.feeds[0]
        answers = [feed.key("gold", table) for table in GOLD.values()]
        for key in (feed.key("bronze"), feed.key("silver"), *answers):
            self._lengthen(key, count)

    def files(self, count: int, day: date) -> pa.Table:
        """So many files of one row each in one day of bronze and silver; returns the rows of silver."""
        whole = facts(0, count, [day])
        self._scatter("bronze", of_bronze(0, whole), day)
        self._scatter("silver", of_silver(0, whole), day)
        return whole

    def _table(self, layer: str) -> DeltaTable:
        uri = self.site.uri(self.site.feeds[0].key(layer), self.prefix)
        return DeltaTable(uri, storage_options=s3.delta_rs(self.site.settings))

    def _append(self, layer: str, rows: pa.Table) -> None:
        table = self._table(layer)
        write_deltalake(table, fitted(rows, table), mode="append")

    def _lengthen(self, key: str, count: int) -> None:
        uri, options = self.site.uri(key, self.prefix), s3.delta_rs(self.site.settings)
        first = DeltaTable(uri, storage_options=options).version() + 1
        client, bucket = s3.client(self.site.settings), self.site.settings.bucket

        def commit(version: int) -> None:
            said = {
                "commitInfo": {"timestamp": int(time.time() * 1000), "operation": "WRITE", "operationParameters": {}}
            }
            name = f"{self.prefix}{key}/_delta_log/{version:020d}.json"
            client.put_object(Bucket=bucket, Key=name, Body=json.dumps(said).encode() + b"\n", IfNoneMatch="*")

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(commit, range(first, first + count)))
        DeltaTable(uri, storage_options=options).create_checkpoint()

    def _scatter(self, layer: str, rows: pa.Table, day: date) -> None:
        table, client = self._table(layer), s3.client(self.site.settings)
        key, bucket = f"{self.prefix}{self.site.feeds[0].key(layer)}", self.site.settings.bucket
        whole = fitted(rows, table).drop_columns(["event_date"])

        def put(number: int) -> AddAction | RemoveAction:
            held = io.BytesIO()
            pq.write_table(whole.slice(number, 1), held)
            name = f"event_date={day}/part-{number:05d}-past.parquet"
            client.put_object(Bucket=bucket, Key=f"{key}/{name}", Body=held.getvalue())
            stats = json.dumps({"numRecords": 1})
            return AddAction(name, len(held.getvalue()), {"event_date": str(day)}, int(time.time() * 1000), True, stats)

        with ThreadPoolExecutor(THREADS) as pool:
            added = list(pool.map(put, range(whole.num_rows)))
        table.create_write_transaction(added, "append", table.schema(), partition_by=["event_date"])


def of_bronze(first: int, facts: pa.Table) -> pa.Table:
    """As records of a topic that is no more."""
    count = facts.num_rows
    return pa.table(
        {
            **coordinates(first, count),
            "timestamp": facts["event_time"],
            "value": pa.array([VALUE], pa.binary()).take(pa.array(np.zeros(count, dtype=np.int32))),
            "event_date": facts["event_date"],
        }
    )


def of_silver(first: int, facts: pa.Table) -> pa.Table:
    """With what silver keeps of a record."""
    texts = {"ProductName": "something", "Country": "United States", "content_hash": "past"}
    constant = {
        name: pa.array([text]).take(pa.array(np.zeros(facts.num_rows, np.int32))) for name, text in texts.items()
    }
    own = {name: facts[name] for name in facts.column_names}
    return pa.table({**own, **constant, **coordinates(first, facts.num_rows)})


def coordinates(first: int, count: int) -> dict[str, pa.Array]:
    """Of a topic that is no more."""
    return {
        "topic_id": pa.array(["past"]).take(pa.array(np.zeros(count, np.int32))),
        "partition": pa.array(np.zeros(count, np.int32)),
        "offset": pa.array(np.arange(first, first + count, dtype=np.int64)),
    }


def fitted(rows: pa.Table, table: DeltaTable) -> pa.Table:
    """The columns of a table in its order; what rows lack is empty, or null."""
    wanted = pa.schema(table.schema().to_arrow())
    return pa.table({each.name: _column(rows, each) for each in wanted}, schema=wanted)


def _column(rows: pa.Table, wanted: pa.Field) -> Any:
    if wanted.name in rows.column_names:
        return rows[wanted.name].cast(wanted.type)
    if wanted.name == "losers":
        return pa.array([[]] * rows.num_rows, wanted.type)
    return pa.nulls(rows.num_rows, wanted.type)
