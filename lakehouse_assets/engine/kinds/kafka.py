"""Bronze from a Kafka topic: one row per record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lakehouse_assets.engine import naming
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.kinds.source import SourceTable
from lakehouse_assets.engine.sources.kafka_source import KafkaSource
from lakehouse_assets.errors import ContractError
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import AssetKey

TOPIC_TAG: Final = "lakehouse/topic"


@dataclass(frozen=True)
class KafkaTable(SourceTable):
    """Bronze from a Kafka topic."""

    topic: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if fault := naming.topic_fault(self.topic):
            raise ContractError(f"topic {self.topic!r} {fault}", where=self.key, do="Give the name of another topic")

    @property
    def origin(self) -> str:
        """`topic <name>`."""
        return f"topic {self.topic}"

    @property
    def origin_key(self) -> AssetKey:
        """`[kafka, <topic>]`, split at its dots where letters, digits and single underscores stand between."""
        from dagster import AssetKey

        return AssetKey(["kafka", *naming.words(self.topic, ".")])

    @property
    def origin_name(self) -> str:
        """The topic with underscores; see `naming.identifier`."""
        return naming.identifier(self.topic, ".")

    @property
    def origin_kinds(self) -> frozenset[str]:
        """A topic."""
        return frozenset({"kafka"})

    @property
    def run_tag(self) -> tuple[str, str]:
        """The topic."""
        return TOPIC_TAG, self.topic

    def order(self, position: Position) -> tuple[str, ...]:
        """As they were accepted: the ids of a topic and of its successor say nothing."""
        return position.topic_ids

    def reader(self, settings: Settings) -> KafkaSource:
        """The topic."""
        return KafkaSource(settings, self)
