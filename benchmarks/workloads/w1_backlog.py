"""W1: a backlog of all real lines, on the topic before anybody looks, taken to gold by a fresh driver."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.contenders.contender import Contender
from benchmarks.harness import oracle
from benchmarks.harness.cases import (
    OURS,
    ROWS_A_SECOND,
    STREAMING,
    Case,
    Limit,
    Measured,
    Ratio,
    Workload,
)
from benchmarks.harness.freshness import Watcher
from benchmarks.harness.reading import Reader, Seen
from benchmarks.harness.records import real
from benchmarks.harness.scale import Sizes
from benchmarks.harness.sending import Sender
from benchmarks.harness.site import Site, opened
from benchmarks.workloads.shop import PARTITIONS, running


def workload(sizes: Sizes) -> Workload:
    """Rows a second from the contender's readiness to the last row in gold."""

    def measure(contender: str, _round: int) -> Sequence[Measured]:
        with opened(sizes, partitions=PARTITIONS) as site:
            sent, expected = backlog(site)
            return [Measured(ROWS_A_SECOND, [sent / taken(site, contender, expected)])]

    ratio = Ratio("W1 rows/s", ("W1", OURS), ("W1", STREAMING), Limit("median", ">=", 2.0))
    return Workload("W1", "Backlog to gold", (Case("W1", (OURS, STREAMING), measure),), ratios=(ratio,))


def backlog(site: Site) -> tuple[int, pa.Table]:
    """Sends the real lines; how many records, and the facts that follow from them."""
    sender = Sender(site.settings, site.feeds[0].topic)
    sender.send(real(site.sizes.every))
    return len(sender.acknowledged), oracle.facts(sender.acknowledged)


def taken(site: Site, contender: str, expected: pa.Table) -> float:
    """Seconds from a contender's readiness until gold is whole and right."""
    with running(contender, site) as at_work:
        began = time.time()
        return arrived(site, at_work, expected) - began


def arrived(site: Site, contender: Contender, expected: pa.Table) -> float:
    """When gold was whole; that it is right is checked."""
    gold = site.gold(contender.prefix)
    ended = until_whole(gold, expected, site.sizes.timeout, contender.check)
    oracle.check(expected, {name: reader.rows(name) for name, reader in gold.items()})
    return ended


def until_whole(gold: dict[str, Reader], expected: pa.Table, seconds: float, check: Callable[[], None]) -> float:
    """When all tables had all; the large ones are looked at once the small one is whole, as reading them takes time."""
    small, large = {"gold": gold["gold"]}, {name: each for name, each in gold.items() if name != "gold"}
    ended = [_until(small, end_of(expected), seconds, check)]
    known = expected.filter(pc.is_valid(expected["CustomerNo"]))
    for name, reader in large.items():
        end = end_of(known if name == "customer_days" else expected)
        ended.append(_until({name: reader}, end, seconds, check))
    return max(ended)


def end_of(facts: pa.Table) -> tuple[int, int]:
    """Lines, and revenue in cents."""
    return facts.num_rows, int((pc.sum(facts["Price"]).as_py() or 0) * 100)


def _until(tables: dict[str, Reader], end: tuple[int, int], seconds: float, check: Callable[[], None]) -> float:
    def is_whole(seen: Seen) -> bool:
        return (seen.lines, seen.cents) == end

    with Watcher(tables, ()) as watcher:
        return watcher.until(is_whole, seconds, check)
