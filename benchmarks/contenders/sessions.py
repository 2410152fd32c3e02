"""Contender (ii): the classic medallion, a fresh Spark session for each task: bronze, silver, then gold's tables."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, ClassVar

from confluent_kafka import Consumer, TopicPartition

from benchmarks.contenders.process import Program
from benchmarks.harness.cases import WrongResultError
from benchmarks.harness.reading import GOLD
from benchmarks.harness.site import Feed, Site
from lakehouse_assets.access import kafka

LOOK_SECONDS = 0.5
TASK_SECONDS = 900.0
BROKER_SECONDS = 10.0


@dataclass
class Sessions:
    """A scheduler that looks at the topic and starts a process for each table of a batch."""

    site: Site
    taken: dict[int, int] = field(default_factory=dict)
    """Next offset by partition."""
    failed: list[str] = field(default_factory=list)
    prefix: ClassVar[str] = "sessions/"

    def start(self) -> None:
        """Starts to look at the first feed."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._schedule, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """No task has failed.

        Raises:
            WrongResultError: one has.
        """
        if self.failed:
            raise WrongResultError(self.failed[0])

    def stop(self) -> None:
        """Ends after the task that runs now."""
        self._stopped.set()
        self._thread.join(TASK_SECONDS)

    def _schedule(self) -> None:
        number = 0
        while not self._stopped.wait(LOOK_SECONDS):
            if slices := self._new():
                try:
                    self.batch(number, slices)
                except Exception as error:
                    self.failed.append(str(error))
                    return
                number += 1
                self.taken |= {partition: end for partition, _, end in slices}

    def _new(self) -> list[tuple[int, int, int]]:
        topic = self.site.feeds[0].topic
        with closing(Consumer(kafka.client(self.site.settings) | {"group.id": "sessions"})) as consumer:
            known = consumer.list_topics(topic, timeout=BROKER_SECONDS).topics[topic].partitions
            ends = {
                each: consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=BROKER_SECONDS)[1]
                for each in known
            }
        return [(each, self.taken.get(each, 0), end) for each, end in ends.items() if end > self.taken.get(each, 0)]

    def batch(self, number: int, slices: Sequence[tuple[int, int, int]]) -> None:
        """All tables of one batch."""
        feed = self.site.feeds[0]
        plan = self._plan(feed, {"number": number, "slices": list(slices), "days": []})
        for stage in ("bronze", "silver", *GOLD.values()):
            if not self._stopped.is_set():
                self.task(stage, plan)

    def task(self, stage: str, plan: str) -> float:
        """One process, from its start to its end; seconds."""
        began, sizes = time.monotonic(), self.site.sizes
        arguments = [stage, plan, "--heap", sizes.heap, "--cores", str(sizes.cores)]
        Program(self.site, "benchmarks.contenders.jobs.task", arguments).run(TASK_SECONDS)
        return time.monotonic() - began

    def rebuild(self, feed: Feed, day: str, bronze: str) -> float:
        """One day of silver anew from a bronze table, by one task; seconds."""
        return self.task("rebuild", self._plan(feed, {"number": 0, "slices": [], "days": [day], "bronze": bronze}))

    def _plan(self, feed: Feed, work: dict[str, Any]) -> str:
        file = self.site.stack.settings.home / "plan.json"
        file.write_text(json.dumps({"prefix": self.prefix, "domain": feed.domain, "topic": feed.topic, **work}))
        return str(file)
