"""W7: one batch of records over more than a year of days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from benchmarks.harness.cases import OURS, SECONDS, STREAMING, Case, Goal, Limit, Measured, Workload
from benchmarks.harness.scale import Sizes
from benchmarks.workloads.shop import Shop, selling, today

CASE = "W7"


def workload(sizes: Sizes) -> Workload:
    """Seconds from the last acknowledged record until gold has every day."""
    made = Case(CASE, (OURS, STREAMING), lambda contender, _round: measured(sizes, contender))
    return Workload("W7", "A batch over many days", (made,), (Goal(CASE, (Limit("median", "<=", 15.0),)),))


def measured(sizes: Sizes, contender: str) -> Sequence[Measured]:
    """One batch into tables that have a few rows of each day, by a warm contender."""
    with selling(sizes, contender, days(sizes)) as shop:
        return wide(shop)


def days(sizes: Sizes) -> list[date]:
    """Today and those before."""
    return [today() - timedelta(days=number) for number in range(sizes.wide_days)]


def wide(shop: Shop) -> Sequence[Measured]:
    """One batch, after smaller ones of the same days."""
    sizes = shop.site.sizes
    shop.batch(sizes.day_lines)
    shop.warm_up()
    values = [shop.batch(sizes.wide_records)]
    shop.check()
    return [Measured(SECONDS, values)]
