"""The ends of many topics by one request: what a watcher of all of them asks for several times a second."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from functools import lru_cache
from typing import Final

from confluent_kafka import IsolationLevel, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from lakehouse_assets.engine.sources.kafka import TIMEOUT_SECONDS, client_options, explained
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

FRESH_SECONDS: Final = 0.1
SILENT_SECONDS: Final = 2.0
"""A broker that does not answer is not asked again for this long."""
PARTITIONS_SECONDS: Final = 10.0
"""So long a new partition may stay unseen."""
ABSENT_SECONDS: Final = 1.0
"""So long a topic that is made may."""


@lru_cache(maxsize=4)
def ends(settings: Settings) -> Ends:
    """The one of this process."""
    return Ends(settings)


class Ends:
    """The last stable offsets of every topic that was asked for, over one connection."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = AdminClient(client_options(settings))
        self._partitions: dict[str, list[int]] = {}
        self._ids: dict[str, str] = {}
        self._ends: dict[str, str] = {}
        self._looked = self._described = float("-inf")
        self._silence: tuple[float, UnavailableError] | None = None
        self._turn = threading.Lock()

    def of(self, topic: str) -> str:
        """The topic's id and ends, a tenth of a second old at most; what the broker refuses it with, where it does.

        Raises:
            UnavailableError: the broker does not answer.
        """
        with self._turn:
            if topic not in self._partitions:
                self._partitions[topic] = []
                self._described = float("-inf")
            if time.monotonic() - self._looked > FRESH_SECONDS or topic not in self._ends:
                self._look()
            return self._ends[topic]

    def _look(self) -> None:
        if self._silence is not None and time.monotonic() - self._silence[0] < SILENT_SECONDS:
            raise self._silence[1]
        try:
            self._describe_if_due()
            self._ends = self._listed()
        except KafkaException as error:
            silence = explained(error.args[0], self._settings, "any")
            self._silence = time.monotonic(), silence
            raise silence from error
        self._looked, self._silence = time.monotonic(), None

    def _describe_if_due(self) -> None:
        absent = any(not each for each in self._partitions.values())
        if time.monotonic() - self._described < (ABSENT_SECONDS if absent else PARTITIONS_SECONDS):
            return
        futures = self._admin.describe_topics(TopicCollection([*self._partitions]), request_timeout=TIMEOUT_SECONDS)
        for topic, future in futures.items():
            try:
                described = future.result()
                self._ids[topic] = str(described.topic_id)
                self._partitions[topic] = sorted(part.id for part in described.partitions)
            except KafkaException as error:
                self._ids[topic] = _refusal(error)
                self._partitions[topic] = []
        self._described = time.monotonic()

    def _listed(self) -> dict[str, str]:
        asked = {TopicPartition(topic, part): _LATEST for topic, parts in self._partitions.items() for part in parts}
        found = defaultdict[str, list[str]](list)
        level = IsolationLevel.READ_COMMITTED
        listed = (
            self._admin.list_offsets(asked, isolation_level=level, request_timeout=TIMEOUT_SECONDS) if asked else {}
        )
        for where, future in listed.items():
            found[where.topic].append(f"{where.partition}:{self._end(where.topic, future)}")
        return {topic: " ".join((self._ids[topic], *found[topic])) for topic in self._partitions}

    def _end(self, topic: str, future: object) -> str:
        try:
            return str(future.result().offset)  # type: ignore[attr-defined]
        except KafkaException as error:
            self._partitions[topic] = []
            return _refusal(error)


_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]


def _refusal(error: KafkaException) -> str:
    """What a broker says of one topic; an error of the client concerns all of them, and is raised."""
    if error.args[0].code() < 0:
        raise error
    return str(error.args[0].name())
