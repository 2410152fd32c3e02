"""W8: a stack at rest, and its memory after some batches by that after many."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks.harness import processes
from benchmarks.harness.cases import OURS, STREAMING, Case, Goal, Limit, Measured, Ratio, Workload
from benchmarks.harness.scale import Sizes
from benchmarks.workloads.shop import selling

REST, MEMORY = "W8 at rest", "W8 memory at rest"
GROWTH, SOME, MANY = "W8 growth", "W8 memory after some batches", "W8 memory after many batches"
PERCENT, MEGABYTES = "% of a core", "MB"


def workload(sizes: Sizes) -> Workload:
    """Kafka and S3 included, for every contender."""
    cases = (
        Case(REST, (OURS, STREAMING), lambda contender, _round: at_rest(sizes, contender)),
        Case(GROWTH, (OURS,), lambda contender, _round: growing(sizes, contender), most_rounds=1),
    )
    goals = (
        Goal(REST, (Limit("median", "<=", 5.0),)),
        Goal(MEMORY, (Limit("median", "<=", 2_000.0),)),
    )
    ratio = Ratio("W8 many by some batches", (MANY, OURS), (SOME, OURS), Limit("median", "<=", 1.1))
    return Workload("W8", "At rest", cases, goals, (ratio,))


def at_rest(sizes: Sizes, contender: str) -> Sequence[Measured]:
    """After a few batches, once what follows them is over."""
    with selling(sizes, contender) as shop:
        shop.warm_up()
        shop.check()
        shop.close()
        time.sleep(sizes.rest / 3)
        cpu, memory = processes.cpu_percent(shop.site, sizes.rest), processes.pss_megabytes(shop.site)
    return [Measured(PERCENT, [cpu]), Measured(MEGABYTES, [memory], case=MEMORY)]


def growing(sizes: Sizes, contender: str) -> Sequence[Measured]:
    """The sum of the processes' memory after so many batches, each waited for."""
    some, many = sizes.growth
    with selling(sizes, contender) as shop:
        for _ in range(some):
            shop.batch(sizes.burst)
        first = processes.pss_megabytes(shop.site)
        for _ in range(many - some):
            shop.batch(sizes.burst)
        last = processes.pss_megabytes(shop.site)
        shop.check()
    return [Measured(MEGABYTES, [first], case=SOME), Measured(MEGABYTES, [last], case=MANY)]
