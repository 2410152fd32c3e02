"""W2: how soon a record is in gold: in a steady traffic, in a large day, after silence, right after the start.

`w2_sources.py` has the case of many sources.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from benchmarks.harness.cases import (
    DAGSTER_DELTA,
    OURS,
    SECONDS,
    SESSIONS,
    STREAMING,
    STREAMING_ARROW,
    Case,
    Goal,
    Limit,
    Measured,
    Ratio,
    Workload,
)
from benchmarks.harness.reading import GOLD
from benchmarks.harness.scale import Sizes
from benchmarks.harness.seeding import Past
from benchmarks.harness.site import opened
from benchmarks.workloads import w2_sources
from benchmarks.workloads.shop import Shop, running, selling, today

STEADY, LARGE_DAY, SILENCE, FIRST = "W2", "W2 large day", "W2 after silence", "W2 first record"
STREAMS = (OURS, STREAMING, STREAMING_ARROW)


def workload(sizes: Sizes) -> Workload:
    """Seconds from a record's sending until the last of gold's tables shows it."""
    cases = (
        Case(STEADY, STREAMS, lambda contender, _: steady(sizes, contender)),
        Case(LARGE_DAY, STREAMS, lambda contender, _: large_day(sizes, contender)),
        Case(
            SILENCE,
            (*STREAMS, SESSIONS, DAGSTER_DELTA),
            lambda contender, number: after_silence(sizes, contender, number),
        ),
        Case(FIRST, (OURS, STREAMING), lambda contender, _: first(sizes, contender)),
        w2_sources.case(sizes),
    )
    soon = (Limit("median", "<=", 2.0), Limit("p95", "<=", 3.5))
    goals = (
        Goal(STEADY, soon),
        Goal(LARGE_DAY, (Limit("median", "<=", 8.0),)),
        Goal(SILENCE, (Limit("median", "<=", 2.5), Limit("p95", "<=", 5.0))),
        Goal(FIRST, (Limit("p95", "<=", 30.0),)),
        Goal(w2_sources.SOURCES, soon),
        Goal(w2_sources.PAGES, (Limit("p95", "<=", 1.0),)),
    )
    return Workload("W2", "Record to gold", cases, goals, tuple(ratios()))


def ratios() -> Sequence[Ratio]:
    """How much sooner than each of the streaming jobs."""
    wanted = {STEADY: 3.0, LARGE_DAY: 1.5}
    return [
        Ratio(f"{case}, times sooner", (case, other), (case, OURS), Limit("median", ">=", least))
        for case, least in wanted.items()
        for other in (STREAMING, STREAMING_ARROW)
    ]


def steady(sizes: Sizes, contender: str) -> Sequence[Measured]:
    """A steady traffic into a day of the demo's size."""
    with selling(sizes, contender, partitions=1) as shop:
        return flowing(shop, STEADY, 0, sizes.traffic)


def large_day(sizes: Sizes, contender: str) -> Sequence[Measured]:
    """A steady traffic into a day of millions of lines."""
    with selling(sizes, contender, partitions=1) as shop:
        return flowing(shop, LARGE_DAY, sizes.big_day_lines, sizes.further_traffic)


def flowing(shop: Shop, case: str, past: int, seconds: float) -> Sequence[Measured]:
    """Of each record the slowest table; and each table by itself."""
    shop.batch(shop.site.sizes.day_lines)
    if past:
        shop.past = Past(shop.site, shop.prefix).rows(past, shop.days)
    shop.warm_up()
    by_table = shop.traffic(seconds)
    shop.check()
    slowest = [max(each) for each in zip(*by_table.values(), strict=True)]
    besides = [Measured(SECONDS, values, case=f"{case} to {GOLD[name]}") for name, values in by_table.items()]
    return [Measured(SECONDS, slowest), *besides]


def after_silence(sizes: Sizes, contender: str, number: int) -> Sequence[Measured]:
    """Small batches after pauses of different lengths."""
    with selling(sizes, contender) as shop:
        return pausing(shop, number)


def pausing(shop: Shop, number: int) -> Sequence[Measured]:
    """The pauses follow from the number."""
    draw, values, sizes = random.Random(number), [], shop.site.sizes
    shop.batch(sizes.day_lines)
    shop.warm_up()
    for _ in range(sizes.silences):
        time.sleep(draw.uniform(*sizes.silence))
        values.append(shop.batch(sizes.burst))
    shop.check()
    return [Measured(SECONDS, values)]


def first(sizes: Sizes, contender: str) -> Sequence[Measured]:
    """The first record of all, sent when the contender says that it is ready; and how long that took."""
    with opened(sizes) as site:
        began = time.monotonic()
        with running(contender, site) as at_work, Shop(site, at_work, [today()]) as shop:
            ready = time.monotonic() - began
            values = [shop.batch(1)]
            shop.check()
    return [Measured(SECONDS, values), Measured(SECONDS, [ready], case=f"{FIRST}: start")]
