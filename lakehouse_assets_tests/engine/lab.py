"""A topic and three tables of its own for one test, over the session's real Kafka, S3 and Spark."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError
from pyspark.sql import SparkSession

from lakehouse_assets.access import kafka as access
from lakehouse_assets.bronze import sales_transactions as bronze
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Commit
from lakehouse_assets.engine.history.looks import StandingLake
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.kinds import AnswerTable, EventTable, KafkaTable, Table
from lakehouse_assets.engine.sources import kafka
from lakehouse_assets.engine.sources.planning import TopicState, plan
from lakehouse_assets.engine.spark import activate
from lakehouse_assets.engine.writing.engine import LATER, Batch, Engine, standing_ledger
from lakehouse_assets.engine.writing.publication import Publication, publish
from lakehouse_assets.engine.writing.rebuilds import Rebuild
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.gold import sales_daily_revenue as gold
from lakehouse_assets.settings import Settings
from lakehouse_assets.silver import sales_transactions as silver
from lakehouse_assets_tests.oracle.stock import WATCHED, Coordinate, Stock, assert_landed, assert_stock

WAIT_SECONDS = 20.0
WRITERS = ("run", "run after spark", "spark")
EVENT_TIME_MS = 1_488_326_400_000
"""2017-03-01 00:00 UTC, the record timestamp of everything sent."""


def sale(number: int, product: str = "P1", price: float = 1.0, date: str = "2017-03-01", **other: Any) -> bytes:
    """One line of a receipt as its JSON record."""
    fields = {
        "TransactionNo": str(number),
        "Date": date,
        "ProductNo": product,
        "ProductName": "Milk",
        "Price": price,
        "Quantity": 1,
        "CustomerNo": 7,
        "Country": "US",
    }
    return json.dumps(fields | other).encode()


@dataclass
class Lab:
    """Verbs for one topic and its tables; `settings` may be replaced for other caps or starts."""

    settings: Settings
    spark: SparkSession | None
    topic: str = field(default_factory=lambda: f"lab.{uuid4().hex[:8]}")
    suffix: str = ""
    sent: list[Coordinate] = field(default_factory=list)
    """What the broker has acknowledged of `send`."""

    def __post_init__(self) -> None:
        self.watch()
        domain = self.topic.replace(".", "_") + self.suffix
        self.bronze: KafkaTable = replace(bronze.table, key=f"bronze/{domain}/transactions", topic=self.topic)
        self.silver: EventTable = replace(silver.table, key=f"silver/{domain}/transactions", source=self.bronze)
        self.admin = AdminClient(access.client(self.settings))
        self.gold: AnswerTable = replace(gold.table, key=f"gold/{domain}/daily_revenue", source=self.silver)

    def watch(self) -> None:
        """Has every record looked for when the test ends."""
        if self.spark is not None:
            WATCHED.append(self.assert_stock)

    @property
    def tables(self) -> tuple[Table, ...]:
        return self.bronze, self.silver, self.gold

    @property
    def lake(self) -> Lake:
        return Lake(self.settings)

    def written_by(self, writer: str) -> Lab:
        """The same, in which the run itself reads and writes all that is small, only writes it, or Spark does all."""
        limits = {
            "run": {"near_rows": 50_000, "few_records": 10_000},
            "run after spark": {"near_rows": 50_000, "few_records": 0},
            "spark": {"near_rows": 0, "few_records": 0},
        }
        other = copy(self)
        other.settings = self.settings.model_copy(update=limits[writer])
        return other

    # the topic

    def create_topic(self, partitions: int = 1) -> Lab:
        config = {"retention.ms": "-1"}
        self.admin.create_topics([NewTopic(self.topic, partitions, 1, config=config)])[self.topic].result()
        return self.until(lambda: len(self.state().log_start) == partitions)

    def recreate_topic(self) -> Lab:
        old = self.state().topic_id
        self.admin.delete_topics([self.topic])[self.topic].result()
        self.until(self._is_gone)
        return self.create_topic().until(lambda: self.state().topic_id != old)

    def _is_gone(self) -> bool:
        try:
            self.state()
        except kafka.TopicNotFoundError:
            return True
        return False

    def add_partitions(self, total: int) -> None:
        self.admin.create_partitions([NewPartitions(self.topic, total)])[self.topic].result()
        self.until(lambda: len(self.state().log_start) == total)

    def send(self, *values: bytes, partition: int = 0, **producer_options: Any) -> Lab:
        producer, topic_id = self.producer(**producer_options), self.state().topic_id

        def acknowledged(error: object, message: Message) -> None:
            if error is None:
                self.sent.append((topic_id, message.partition(), message.offset()))

        for value in values:
            producer.produce(self.topic, value, partition=partition, timestamp=EVENT_TIME_MS, on_delivery=acknowledged)
        assert producer.flush(WAIT_SECONDS) == 0
        return self

    def producer(self, **options: Any) -> Producer:
        return Producer(access.client(self.settings) | options)

    def state(self) -> TopicState:
        return kafka.topic_state(self.settings, self.topic)

    def until(self, holds) -> Lab:
        deadline = time.monotonic() + WAIT_SECONDS
        while not _quietly(holds):
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.05)
        return self

    # the engine

    def engine(self, run_id: str | None = None) -> Engine:
        activate(self.spark)
        return Engine(self.settings, StandingLake(self.settings), self.spark, run_id or str(uuid4()))

    def plan(self) -> tuple[Slice, ...]:
        ledger = standing_ledger(self.lake, self.bronze)
        most = self.settings.max_records_per_batch
        return plan(self.bronze.key, self.state(), ledger.position, ledger.acceptances, most)

    def batch(self, slices: Sequence[Slice] | None = None, now: datetime | None = None) -> Batch:
        return Batch(tuple(self.plan() if slices is None else slices), now or datetime.now(UTC))

    def prepare_land(self, slices: Sequence[Slice] | None = None, **engine: Any) -> Publication | None:
        return self.bronze.increment(self.engine(**engine), self.batch(slices))

    def land(self, slices: Sequence[Slice] | None = None, **engine: Any) -> Commit | None:
        return self.publish(self.prepare_land(slices, **engine))

    def refine(self) -> Commit | None:
        return self.publish(self.silver.increment(self.engine(), LATER))

    def recompute(self) -> Commit | None:
        return self.publish(self.gold.increment(self.engine(), LATER))

    def publish(self, publication: Publication | None) -> Commit | None:
        return publish(self.spark, self.lake, publication) if publication else None

    def publish_all(self, rebuild: Rebuild) -> None:
        for publication in rebuild:
            self.publish(publication)

    def ingest(self) -> Lab:
        self.land()
        self.refine()
        self.recompute()
        return self

    def position(self, table: Table) -> Position:
        return self.lake.ledger(table.key).position

    def restore(self, table: Table, version: int) -> None:
        self.spark.sql(f"RESTORE TABLE delta.`{self.lake.uri(table.key, 's3a')}` TO VERSION AS OF {version}").collect()

    # another reader

    def rows(self, key: str, columns: str = "*", version: int | None = None) -> list[dict[str, Any]]:
        """A table's rows as delta-rs reads them, sorted."""
        try:
            table = DeltaTable(self.lake.uri(key), version=version, storage_options=self.storage_options())
        except TableNotFoundError:
            return []
        found = QueryBuilder().register("t", table).execute(f"SELECT {columns} FROM t").read_all()
        names = found.schema.names
        columns_read = [found.column(name).to_pylist() for name in names]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns_read, strict=True)]
        return sorted(rows, key=repr)

    def coordinates(self, key: str) -> list[tuple[int, int]]:
        """(partition, offset) of every row, sorted."""
        return sorted((row["partition"], row["offset"]) for row in self.rows(key, '"partition", "offset"'))

    def assert_stock(self) -> Stock:
        """Every record sent is in bronze and has exactly one place above it, as delta-rs reads the tables."""
        claimed = {
            (topic_id, partition): ranges
            for topic_id, parts in self.position(self.bronze).epochs.items()
            for partition, ranges in parts.items()
        }
        assert_landed(self.sent, claimed, self.lake.uri(self.bronze.key), self.storage_options())
        position = {(part.topic_id, part.partition): part.end for part in self.position(self.silver).slices()}
        addresses = (self.lake.uri(self.silver.source.key), self.lake.uri(self.silver.key))
        return assert_stock(*addresses, position, self.storage_options())

    def storage_options(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.settings.s3_endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": self.settings.s3_region,
            "AWS_ACCESS_KEY_ID": self.settings.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": self.settings.s3_secret_key.get_secret_value(),
        }


def _quietly(holds) -> bool:
    """A topic that was just made or deleted is not known to the whole broker at once."""
    try:
        return bool(holds())
    except UnavailableError:
        return False
