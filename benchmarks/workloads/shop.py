"""A shop sells at one topic, and looks until gold has it: what most workloads are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.contenders.contender import Contender
from benchmarks.contenders.dagster_delta import DagsterDelta
from benchmarks.contenders.ours import Ours
from benchmarks.contenders.sessions import Sessions
from benchmarks.contenders.streaming import Streaming
from benchmarks.harness import oracle
from benchmarks.harness.cases import DAGSTER_DELTA, OURS, SESSIONS, STREAMING, STREAMING_ARROW
from benchmarks.harness.freshness import Prefixes, Watcher, freshness, prefixes
from benchmarks.harness.records import Till
from benchmarks.harness.scale import Sizes
from benchmarks.harness.sending import Sender
from benchmarks.harness.site import Feed, Site, opened

PARTITIONS = 4
"""Of a topic, as the demo makes it."""
CONTENDERS: dict[str, Any] = {
    OURS: Ours,
    STREAMING: Streaming,
    STREAMING_ARROW: partial(Streaming, writer="arrow"),
    SESSIONS: Sessions,
    DAGSTER_DELTA: DagsterDelta,
}


def today() -> date:
    """In UTC."""
    return datetime.now(UTC).date()


@contextmanager
def running(name: str, site: Site) -> Iterator[Contender]:
    """A contender at work."""
    contender: Contender = CONTENDERS[name](site)
    contender.start()
    try:
        yield contender
    finally:
        contender.stop()


@contextmanager
def selling(sizes: Sizes, contender: str, days: Sequence[date] = (), partitions: int = PARTITIONS) -> Iterator[Shop]:
    """A shop of these days, or of today, at a contender that works in a lakehouse of its own."""
    with (
        opened(sizes, partitions=partitions) as site,
        running(contender, site) as at_work,
        Shop(site, at_work, days or [today()]) as shop,
    ):
        yield shop


@dataclass
class Shop:
    """Sales of some days at one feed of a contender; use it in a `with`."""

    site: Site
    contender: Contender
    days: Sequence[date]
    feed: Feed | None = None
    past: pa.Table = field(default_factory=oracle.FACTS.empty_table)
    """Rows of the same days that silver holds besides."""

    def __enter__(self) -> Shop:
        self.feed = self.feed or self.site.feeds[0]
        self.till = Till(self.days)
        self.sender = Sender(self.site.settings, self.feed.topic)
        self.gold = self.site.gold(self.prefix, self.feed)
        self.watcher = Watcher(self.gold, self.days).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def prefix(self) -> str:
        """What the keys of the contender's tables begin with."""
        return self.contender.prefix

    def close(self) -> None:
        """Looks no more."""
        self.watcher.__exit__()

    def prefixes(self) -> Prefixes:
        """Of all that was sold so far, and of the past."""
        cents = int((pc.sum(self.past["Price"]).as_py() or 0) * 100)
        return prefixes(self.till.sold, self.past.num_rows, cents)

    def batch(self, count: int) -> float:
        """Sells so much at once; seconds from its last acknowledgement until all of gold has it."""
        acked = self.sender.send(each.message() for each in self.till.sell(count))
        return self.wait() - acked

    def wait(self) -> float:
        """Until all of gold has all; when it had."""
        known = self.prefixes()
        end = known.lines[-1], known.cents[-1]
        seconds, check = self.site.sizes.timeout, self.contender.check
        return self.watcher.until(lambda seen: (seen.lines, seen.cents) == end, seconds, check)

    def warm_up(self) -> None:
        """A few small batches that nobody measures."""
        for _ in range(self.site.sizes.warm_ups):
            self.batch(self.site.sizes.burst)

    def traffic(self, seconds: float) -> dict[str, list[float]]:
        """Sells for a time at the rate of the sizes; seconds from each record's sending to each table of gold."""
        sizes, before = self.site.sizes, len(self.till.sold)
        known = {name: len(steps) for name, steps in self.watcher.steps.items()}
        sold = self.till.sell(int(sizes.rate * seconds))
        self.sender.send((each.message() for each in sold), sizes.rate)
        self.wait()
        sent = [each.sent for each in self.sender.acknowledged]
        return {
            name: freshness(steps[known[name] :], sent, self.prefixes(), sizes.measured_every, before)
            for name, steps in self.watcher.steps.items()
        }

    def check(self) -> None:
        """Gold holds what follows from every record that was acknowledged.

        Raises:
            WrongResultError: it does not.
        """
        expected = pa.concat_tables([oracle.facts(self.sender.acknowledged), self.past])
        rows = {name: reader.rows(name, self.days) for name, reader in self.gold.items()}
        oracle.check(expected, rows, self.days)
