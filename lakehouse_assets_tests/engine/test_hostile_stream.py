"""Hostile messages among good ones through Kafka, bronze, silver and gold: nothing is stuck, each has its place.

What has to become of each, plain Python says of what was sent; what has become of it, delta-rs reads.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyspark.sql.functions as F
import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame

from lakehouse_assets.engine.payload import json_timestamp
from lakehouse_assets_tests.engine import hostile_messages
from lakehouse_assets_tests.engine.hostile_fates import MOST_SUMMED, Fates, answers, fates, unexplained
from lakehouse_assets_tests.engine.hostile_messages import MOST_BYTES, MOST_MS, Message
from lakehouse_assets_tests.engine.hostile_records import TYPES
from lakehouse_assets_tests.engine.lab import WAIT_SECONDS, Lab
from lakehouse_assets_tests.engine.test_hostile_json import anything, row_of
from lakehouse_assets_tests.oracle.stock import Coordinate

pytestmark = pytest.mark.services

NOW = datetime(2026, 11, 1, 23, 59, 59, tzinfo=UTC)
PARTITIONS, BATCHES = 3, 4
_AT = 'topic_id, "partition", "offset"'


class Counted(DataFrameModel):
    """What a day's records say together."""

    event_date: T.DateType = Field()
    lines: T.LongType = Field(ge=1)
    money: T.DecimalType(38, 18) = Field(nullable=True)  # type: ignore[valid-type]
    flags: T.LongType = Field()
    most: T.LongType = Field(nullable=True)
    ratio: T.DoubleType = Field(nullable=True)
    characters: T.LongType = Field()
    checksum: T.LongType = Field(description="Sum of CRC-32 of id and text")


def counted(rows: DataFrame) -> DataFrame:
    """Some days of records to those days' answers."""
    summed = F.abs("money") < F.lit(MOST_SUMMED)
    return rows.groupBy("event_date").agg(
        F.count("*").alias("lines"),
        F.coalesce(F.sum(F.when(summed, F.col("money"))), F.lit(0)).cast("decimal(38,18)").alias("money"),
        F.count_if("flag").alias("flags"),
        F.max("big").alias("most"),
        F.max("ratio").alias("ratio"),
        F.coalesce(F.sum(F.length("text")), F.lit(0)).alias("characters"),
        F.sum(F.crc32(F.concat("id", F.lit("|"), F.coalesce("text", F.lit(""))).cast("binary"))).alias("checksum"),
    )


class Stream(Lab):
    """A lab of hostile messages; knows what it has sent, by coordinate."""

    messages: dict[Coordinate, Message]

    def set_up(self, batches: int, count: int) -> Stream:
        self.messages = {}
        self.bronze = replace(self.bronze, event_time=partial(json_timestamp, "at"))
        self.silver = anything(replace(self.silver, source=self.bronze))
        self.gold = replace(self.gold, source=self.silver, schema=Counted, transform=counted, plot="lines")
        self.settings = self.settings.model_copy(update={"max_records_per_batch": -(-count // batches)})
        return self

    def send_messages(self, messages: Sequence[Message]) -> Stream:
        """To the partitions in turn."""
        producer = self.producer(**{"message.max.bytes": 2 * MOST_BYTES, "queue.buffering.max.messages": 100_000})
        topic_id = self.state().topic_id

        def acknowledged(message: Message, error: object, sent: Any) -> None:
            assert error is None, error
            self.messages[topic_id, sent.partition(), sent.offset()] = message

        for number, message in enumerate(messages):
            value, key, headers, millis, _ = message
            told = partial(acknowledged, message)
            where = {"partition": number % PARTITIONS, "timestamp": millis, "headers": [*headers]}
            producer.produce(self.topic, value, key, on_delivery=told, **where)
        assert producer.flush(WAIT_SECONDS) == 0
        self.sent = [*self.messages]
        return self

    def take_all(self) -> int:
        """In batches, each through all layers; how many."""
        batches = 0
        while slices := self.plan():
            self.publish(self.bronze.increment(self.engine(), self.batch(slices, NOW)))
            self.refine()
            self.recompute()
            batches += 1
        return batches

    def fates(self) -> Fates:
        last = NOW.date() + timedelta(self.settings.calendar_days_ahead)
        return fates(self.messages, self.settings.calendar_start, last)

    def by_coordinate(self, key: str, columns: str) -> dict[Coordinate, dict[str, Any]]:
        rows = self.rows(key, f"{_AT}, {columns}")
        found = {(row.pop("topic_id"), row.pop("partition"), row.pop("offset")): row for row in rows}
        assert len(found) == len(rows), f"{key} holds a coordinate twice"
        return found


@pytest.fixture
def stream(services, spark) -> Stream:
    return Stream(services, spark).create_topic(PARTITIONS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_two_thousand_among_twenty_thousand(stream: Stream, seed: int):
    """In several batches, a range of them sent twice."""
    bad, fine = hostile_messages.hostile(seed, 2_000), [*hostile_messages.good(seed, 20_000)]
    assert sum(each.is_public for each in bad) >= 667
    mixed = [each for i, odd in enumerate(bad) for each in (odd, *fine[i * 10 : i * 10 + 10])]
    again = random.Random(seed).randrange(len(mixed) - 300)
    stream.set_up(BATCHES, len(mixed) + 300).send_messages([*mixed, *mixed[again : again + 300]])

    assert_all_is_right(stream, BATCHES)


def assert_all_is_right(stream: Stream, batches: int) -> None:
    assert stream.take_all() >= batches
    assert stream.position(stream.silver) == stream.position(stream.bronze)
    wanted = stream.fates()
    assert_bronze_is_what_was_sent(stream)
    assert_accounts(stream, wanted)
    assert_rows(stream, wanted)
    assert stream.rows(stream.gold.key, ", ".join(Counted.to_schema().columns)) == answers(wanted)


def assert_bronze_is_what_was_sent(stream: Stream) -> None:
    """Byte for byte, also what was set aside; a timestamp that is none is told in the reason."""
    columns = "key, value, headers, CAST(timestamp AS BIGINT) AS micros"
    held = stream.by_coordinate(stream.bronze.key, columns)
    aside = stream.by_coordinate(stream.bronze.quarantine, columns)
    assert not held.keys() & aside.keys()
    found = {at: as_sent(row) for at, row in (held | aside).items()}
    sent = {
        at: (each.value, each.key, [*each.headers], each.millis * 1000 if abs(each.millis) <= MOST_MS else None)
        for at, each in stream.messages.items()
    }
    wrong = [at for at in sent.keys() | found.keys() if sent.get(at) != found.get(at)]
    assert [(at, str(sent.get(at))[:300], str(found.get(at))[:300]) for at in wrong[:9]] == []


def as_sent(row: dict[str, Any]) -> tuple[Any, ...]:
    headers = [(each["key"], each["value"]) for each in row["headers"] or ()]
    return row["value"], row["key"], headers, row["micros"]


def assert_accounts(stream: Stream, wanted: Fates) -> None:
    """Each record is in one place, the right one; what is set aside has reasons that people understand."""
    published = stream.by_coordinate(stream.silver.key, "losers")
    landing = stream.by_coordinate(stream.bronze.quarantine, "reasons")
    aside = stream.by_coordinate(stream.silver.quarantine, "reasons")
    losers = {
        at: frozenset((each["topic_id"], each["partition"], each["offset"]) for each in row["losers"])
        for at, row in published.items()
    }
    assert losers == wanted.losers
    assert not landing.keys() & aside.keys()
    assert wanted.late <= landing.keys()
    assert landing.keys() | aside.keys() == wanted.bad | wanted.late
    reasons = {at: row["reasons"] for at, row in (landing | aside).items()}
    found = [(given, (stream.messages[at].value or b"")[:200]) for at, given in unexplained(reasons).items()]
    assert found[:9] == []
    assert len(stream.messages) == len(losers) + sum(map(len, losers.values())) + len(landing) + len(aside)


def assert_rows(stream: Stream, wanted: Fates) -> None:
    """Value by value."""
    rows = stream.by_coordinate(stream.silver.key, ", ".join(f'"{name}"' for name in ("event_date", *TYPES)))
    found = {at: (row["event_date"], row_of(row)) for at, row in rows.items()}
    wrong = [at for at in wanted.winners if found.get(at) != wanted.winners[at]]
    assert [(str(found.get(at))[:300], str(wanted.winners[at])[:300]) for at in wrong[:9]] == []
