"""Records read by Kafka's own client instead of Spark's reader: a few, whatever their timestamps are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from lakehouse_assets.access import kafka as access
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets.engine.writing.audits import REASONS
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

MOST_RECORDS = 20_000
"""More of them would burden the Spark server, to which they are sent by value."""
MOST_BYTES = 32 * 2**20
"""So would more of their keys, values and headers; a single record may be larger."""
QUIET_SECONDS = 30.0
"""Without any answer of the broker."""
_MOST_MILLIS = (2**63 - 1) // 1000
_MICROS = 1000
_MOST_POLLED = 1000
_WAIT_MS = 10
"""That the broker keeps a fetch at a partition's end; only then is the end told."""
_READ = StructType([*RECORD.fields, StructField(REASONS, ArrayType(StringType()))])


def read(spark: SparkSession, settings: Settings, topic: str, slices: Sequence[Slice]) -> DataFrame:
    """The committed records of these slices, with `reasons` where a timestamp is none; reads now.

    Raises:
        UnavailableError: the broker does not answer.
    """
    with closing(_consumer(settings)) as consumer:
        return _frame(spark, [_row(part, each) for part in slices for each in _messages(consumer, topic, part)])


def read_few(spark: SparkSession, settings: Settings, topic: str, slices: Sequence[Slice]) -> DataFrame | None:
    """The committed records of these slices as `records.RECORD`; reads now.

    None where a timestamp is no time, or where they are more than `MOST_BYTES`: then Spark has to read them.

    Raises:
        UnavailableError: the broker does not answer.
    """
    rows: list[dict[str, Any]] = []
    room = MOST_BYTES
    with closing(_consumer(settings)) as consumer:
        for part in slices:
            for message in _messages(consumer, topic, part):
                rows.append(_row(part, message))
                room -= _bytes(rows[-1])
                if room < 0 or rows[-1][REASONS]:
                    return None
    return _frame(spark, rows).drop(REASONS)


def read_first(
    spark: SparkSession, settings: Settings, topic: str, slices: Sequence[Slice]
) -> tuple[DataFrame, tuple[Slice, ...]]:
    """As many of the first records of these slices as `MOST_BYTES` allow, and the slices that they are.

    Raises:
        UnavailableError: the broker does not answer.
    """
    rows: list[dict[str, Any]] = []
    taken: list[Slice] = []
    room = MOST_BYTES
    with closing(_consumer(settings)) as consumer:
        for part in slices:
            for message in _messages(consumer, topic, part):
                row = _row(part, message)
                room -= _bytes(row)
                if room < 0 and rows:
                    return _frame(spark, rows), (*taken, replace(part, end=row["offset"]))
                rows.append(row)
            taken.append(part)
    return _frame(spark, rows), tuple(taken)


def _frame(spark: SparkSession, rows: list[dict[str, Any]]) -> DataFrame:
    return spark.createDataFrame(pa.Table.from_pylist(rows, to_arrow_schema(_READ, timezone="UTC")), _READ)


def _consumer(settings: Settings) -> Consumer:
    options = {
        "group.id": "lakehouse-reads-singly",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "fetch.wait.max.ms": _WAIT_MS,
        "auto.offset.reset": "error",
    }
    return Consumer(access.client(settings) | options)


def _messages(consumer: Consumer, topic: str, part: Slice) -> Iterator[Message]:
    """Ends at the partition's end, or at the first offset beyond the slice: markers deliver nothing."""
    if not len(part):
        return
    consumer.assign([TopicPartition(topic, part.partition, part.start)])
    deadline = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < deadline:
        for message in _arrived(consumer):
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise _unavailable(topic, error.str())
            if error is not None or (message.offset() or 0) >= part.end:
                return
            yield message
            if (message.offset() or 0) + 1 == part.end:
                return
            deadline = time.monotonic() + QUIET_SECONDS
    raise _unavailable(topic, f"nothing for {QUIET_SECONDS:.0f} s")


def _arrived(consumer: Consumer) -> list[Message]:
    """The next message, waited for, and those that came with it."""
    first = consumer.poll(1.0)
    return [] if first is None else [first, *consumer.consume(_MOST_POLLED, timeout=0)]


def _row(part: Slice, message: Message) -> dict[str, Any]:
    headers: Any = message.headers() or ()
    millis = int(message.timestamp()[1])
    is_time = abs(millis) <= _MOST_MILLIS
    reason = f"timestamp: {millis} ms is no time that a date has; are these nanoseconds?"
    return {
        "topic_id": part.topic_id,
        "partition": part.partition,
        "offset": message.offset(),
        "timestamp": millis * _MICROS if is_time else None,
        "key": message.key(),
        "value": message.value(),
        "headers": [{"key": name, "value": value} for name, value in headers] or None,
        REASONS: [] if is_time else [reason],
    }


def _bytes(row: dict[str, Any]) -> int:
    headers = [part for each in row["headers"] or () for part in each.values()]
    return sum(len(each) for each in (row["key"], row["value"], *headers) if each is not None)


def _unavailable(topic: str, why: str) -> UnavailableError:
    return UnavailableError(f"no answer ({why})", where=f"topic {topic}", do="Check the broker (`lakehouse status`)")
