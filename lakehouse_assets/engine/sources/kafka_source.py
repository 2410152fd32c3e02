"""A Kafka topic as a source: slices are offset ranges of its partitions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, SparkSession

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history import position
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.sources import kafka, kafka_ends, kafka_records, planning
from lakehouse_assets.engine.sources.kafka_peeking import cut_at
from lakehouse_assets.engine.sources.planning import Acceptance, Led, TopicState, Waits
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.kafka import KafkaTable


@dataclass(frozen=True)
class KafkaSource:
    """The verbs of `source.Source` over one topic.

    What decides looks at the topic anew; `waits` and `marked` go by the newest look of the same object, which lives for
    one tick or one batch.
    """

    settings: Settings
    table: KafkaTable
    unit: str = "offsets"
    glance_seconds: float = 0.0
    _seen: list[TopicState] = field(default_factory=list, init=False, repr=False, compare=False)

    def glance(self) -> str:
        """The last stable offsets, in one request for all topics that this process looks at."""
        return kafka_ends.ends(self.settings).of(self.table.topic)

    def plan(self, ledger: Ledger) -> tuple[Slice, ...]:
        """The next offsets up to the last stable ones, shared among the partitions."""
        state, most = self._look(), self.settings.max_records_per_batch
        key, recovered = self.table.key, ledger.is_recovered
        slices = planning.plan(key, state, ledger.position, ledger.acceptances, most, recovered=recovered)
        self._check_cut(state, planning.led_anew(state, ledger.position, ledger.acceptances))
        return slices

    def cap(self, slices: Sequence[Slice]) -> tuple[Slice, ...]:
        """At most `max_records_per_batch`."""
        return position.cap(slices, self.settings.max_records_per_batch)

    def records(self, slices: Sequence[Slice]) -> int:
        """One for each offset."""
        return sum(map(len, slices))

    def read(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame:
        """The committed records, by Spark's reader."""
        return kafka.read(spark, self.settings, self.table.topic, slices)

    def read_few(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame | None:
        """By Kafka's own client."""
        is_few = self.records(slices) <= self.settings.few_records
        return kafka_records.read_few(spark, self.settings, self.table.topic, slices) if is_few else None

    def read_singly(self, spark: SparkSession, slices: Sequence[Slice]) -> tuple[DataFrame, tuple[Slice, ...]]:
        """By Kafka's own client, which takes any timestamp."""
        few = position.cap(slices, kafka_records.MOST_RECORDS)
        return kafka_records.read_first(spark, self.settings, self.table.topic, few)

    def beginnings(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame:
        """The records whole."""
        return kafka_records.read(spark, self.settings, self.table.topic, slices)

    def halve(self, slices: Sequence[Slice]) -> tuple[Sequence[Slice], Sequence[Slice]] | None:
        """By offsets."""
        return position.halve(slices)

    def faults(self) -> Column | None:
        """None: any bytes are a record."""
        return None

    def check(self, slices: Sequence[Slice]) -> None:
        """The topic must not have been recreated."""
        kafka.check_topic_id(self._look(), slices)

    def marked(self, position: Position) -> Position:
        """With the leader epochs of the newest look."""
        state = self._newest_look()
        return position.led(state.topic_id, state.leader_epochs)

    def _check_cut(self, state: TopicState, led: Sequence[Led]) -> None:
        """Asks the broker once for each new leader."""
        asked = {
            at: cut_at(
                self.settings, state.topic, at.partition, at.end, at.leader_epoch, state.leader_epochs[at.partition]
            )
            for at in led
        }
        planning.check_cut(self.table.key, state, {at: end for at, end in asked.items() if end is not None})

    def held(self, position: Position, days: Collection[Partition]) -> tuple[Slice, ...]:
        """What retention has left; any offset can be of any day."""
        return planning.still_held(self._look(), position)

    def lags(self, positions: Sequence[Position]) -> list[int]:
        """Offsets up to the last stable ones."""
        state = self._look()
        return [planning.lag(state, position) for position in positions]

    def taken(self, position: Position) -> int:
        """Offsets, gaps of compaction and transactions included."""
        return sum(map(len, position.slices()))

    def waits(self) -> Waits | None:
        """What lies behind open transactions."""
        return kafka.waits(self.settings, self._newest_look())

    def acceptance(self, ledger: Ledger) -> Acceptance:
        """Goes on with the topic as it is now."""
        return planning.acceptance(self._look(), ledger.position, ledger.acceptances)

    def _look(self) -> TopicState:
        self._seen[:] = [kafka.topic_state(self.settings, self.table.topic)]
        return self._seen[0]

    def _newest_look(self) -> TopicState:
        return self._seen[0] if self._seen else self._look()
