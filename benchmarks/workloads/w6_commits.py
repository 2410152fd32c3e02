"""W6: small batches one after the other, each waited for: the last ones by the first ones."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.harness.cases import OURS, RATIO, SECONDS, STREAMING, Case, Goal, Limit, Measured, Workload
from benchmarks.harness.scale import Sizes
from benchmarks.workloads.shop import Shop, selling

CASE = "W6 last by first"


def workload(sizes: Sizes) -> Workload:
    """Median seconds of the last batches by that of the first ones."""
    made = Case(CASE, (OURS, STREAMING), lambda contender, _round: measured(sizes, contender))
    return Workload("W6", "Many small commits", (made,), (Goal(CASE, (Limit("median", "<=", 1.2),)),))


def measured(sizes: Sizes, contender: str) -> Sequence[Measured]:
    """All batches of one contender."""
    with selling(sizes, contender) as shop:
        return one_by_one(shop)


def one_by_one(shop: Shop) -> Sequence[Measured]:
    """The ratio, and each batch."""
    sizes = shop.site.sizes
    shop.batch(sizes.day_lines)
    shop.warm_up()
    values = [shop.batch(sizes.burst) for _ in range(sizes.commits)]
    shop.check()
    first, last = statistics.median(values[: sizes.edge]), statistics.median(values[-sizes.edge :])
    return [Measured(RATIO, [last / first]), Measured(SECONDS, values, case="W6 batches")]
