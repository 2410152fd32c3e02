"""Kafka as the engine sees it: a topic's offsets now, and bounded reads of exact offset ranges."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import pyspark.sql.functions as F
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.access import kafka as access
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.sources import kafka_peeking as peeking
from lakehouse_assets.engine.sources.planning import TopicState, Waits
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets.errors import LossError, UnavailableError
from lakehouse_assets.settings import Settings

TIMEOUT_SECONDS = 5.0
FETCH_WAIT_MS = "10"
"""A consumer that reads ahead past its range keeps the task waiting for new records: half a second by default."""


_WRITTEN = IsolationLevel.READ_UNCOMMITTED


class TopicNotFoundError(UnavailableError):
    """The topic does not exist (yet)."""

    is_absence = True


def topic_state(settings: Settings, topic: str) -> TopicState:
    """The topic's id and offsets as the broker knows them now; ends are last stable offsets.

    Raises:
        TopicNotFoundError: there is no such topic.
        UnavailableError: the broker does not answer.
    """
    admin = AdminClient(client_options(settings))
    try:
        topic_id, partitions = _describe(admin, topic)
        log_start = _offsets(admin, topic, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        stable = _listed(admin, topic, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        last_stable = {partition: found.offset for partition, found in stable.items()}
        high = _offsets(admin, topic, partitions, OffsetSpec.latest(), _WRITTEN)  # type: ignore[no-untyped-call]
        first = _first_start(admin, settings, topic, log_start, last_stable)
    except KafkaException as error:
        raise explained(error.args[0], settings, topic) from error
    leader_epochs = {p: found.leader_epoch for p, found in stable.items() if found.leader_epoch is not None}
    return TopicState(topic, topic_id, log_start, last_stable, first, high, leader_epochs)


def waits(settings: Settings, state: TopicState) -> Waits | None:
    """What lies behind open transactions, and since when; None where nothing does."""
    unstable = state.unstable
    if not unstable:
        return None
    found = [peeking.time_at(settings, state.topic, partition, state.last_stable[partition]) for partition in unstable]
    return Waits(sum(unstable.values()), min((each for each in found if each), default=None))


def client_options(settings: Settings) -> dict[str, Any]:
    """Options of a client that does not wait for long; hold the password, so never log them."""
    return {**access.client(settings), "socket.timeout.ms": int(TIMEOUT_SECONDS * 1000)}


def _describe(admin: AdminClient, topic: str) -> tuple[str, list[int]]:
    future = admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_SECONDS)[topic]
    described = future.result()
    return str(described.topic_id), sorted(part.id for part in described.partitions)


def _offsets(
    admin: AdminClient,
    topic: str,
    partitions: Iterable[int],
    spec: OffsetSpec,
    level: IsolationLevel = IsolationLevel.READ_COMMITTED,
) -> dict[int, int]:
    return {part: found.offset for part, found in _listed(admin, topic, partitions, spec, level).items()}


def _listed(
    admin: AdminClient,
    topic: str,
    partitions: Iterable[int],
    spec: OffsetSpec,
    level: IsolationLevel = IsolationLevel.READ_COMMITTED,
) -> dict[int, Any]:
    asked = {TopicPartition(topic, partition): spec for partition in partitions}
    futures = admin.list_offsets(asked, isolation_level=level, request_timeout=TIMEOUT_SECONDS)
    return {asked.partition: future.result() for asked, future in futures.items()}


def _first_start(
    admin: AdminClient,
    settings: Settings,
    topic: str,
    log_start: Mapping[int, int],
    last_stable: Mapping[int, int],
) -> Mapping[int, int]:
    if isinstance(settings.first_start, datetime):
        millis = int(settings.first_start.replace(tzinfo=settings.first_start.tzinfo or UTC).timestamp() * 1000)
        found = _offsets(admin, topic, log_start, OffsetSpec.for_timestamp(millis))
        return {p: offset if offset >= 0 else last_stable[p] for p, offset in found.items()}
    return {} if settings.first_start == "earliest" else last_stable


def explained(error: KafkaError, settings: Settings, topic: str) -> UnavailableError:
    """The error in our words."""
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return TopicNotFoundError("does not exist yet", where=f"topic {topic}", do="Create it or wait for its producer")
    return UnavailableError(
        f"no answer ({error.str()})",
        where=f"Kafka {settings.kafka_bootstrap}",
        do="Check the broker (`lakehouse status`); reading goes on by itself once it answers",
    )


def check_topic_id(state: TopicState, slices: Sequence[Slice]) -> None:
    """Makes sure that the topic as it is now is still the one the slices were planned on.

    Raises:
        LossError: it was recreated in the meantime.
    """
    planned = {part.topic_id for part in slices}
    if planned - {state.topic_id}:
        raise LossError(
            f"was recreated while it was read: planned on id {', '.join(planned)}, now {state.topic_id}",
            where=f"topic {state.topic}",
            do="Nothing was written; the sensor plans anew and says what is lost",
        )


def read(spark: SparkSession, settings: Settings, topic: str, slices: Sequence[Slice]) -> DataFrame:
    """The committed records of exactly these slices, lazily.

    Columns: topic_id string, partition int, offset long, timestamp timestamp, key binary, value binary,
    headers array<struct<key string, value binary>>. The read fails when an offset range is no longer there.
    """
    wanted = [part for part in slices if len(part)]
    if not wanted:
        return spark.createDataFrame([], RECORD)
    return reduce(DataFrame.unionAll, [_read(spark, settings, topic, each) for each in _rounds(wanted)])


def _rounds(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Spark's reader takes one range of each partition at a time."""
    rounds: list[list[Slice]] = []
    for part in slices:
        free = (each for each in rounds if part.partition not in {other.partition for other in each})
        found = next(free, None)
        if found is None:
            rounds.append(found := [])
        found.append(part)
    return rounds


def _read(spark: SparkSession, settings: Settings, topic: str, wanted: Sequence[Slice]) -> DataFrame:
    options = {
        **access.spark(settings),
        "kafka.isolation.level": "read_committed",
        "kafka.fetch.max.wait.ms": FETCH_WAIT_MS,
        "assign": json.dumps({topic: [part.partition for part in wanted]}),
        "startingOffsets": json.dumps({topic: {str(part.partition): part.start for part in wanted}}),
        "endingOffsets": json.dumps({topic: {str(part.partition): part.end for part in wanted}}),
        "includeHeaders": "true",
        "failOnDataLoss": "true",
    }
    records = spark.read.format("kafka").options(**options).load()
    topic_id = F.lit(wanted[0].topic_id).alias("topic_id")
    return records.select(topic_id, "partition", "offset", "timestamp", "key", "value", "headers")
