"""W3: a batch of new rows into tables of growing size, of many versions, and of many small files today."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import pyarrow as pa

from benchmarks.harness import oracle
from benchmarks.harness.cases import OURS, SECONDS, STREAMING, Case, Limit, Measured, Ratio, Workload
from benchmarks.harness.scale import Sizes
from benchmarks.harness.seeding import Past
from benchmarks.workloads.shop import Shop, selling, today

PAST_DAYS = 365
AT_MOST = Limit("median", "<=", 1.2)
Fill = Callable[[Past], pa.Table]
"""Fills the tables; returns the rows of today among them."""


def workload(sizes: Sizes) -> Workload:
    """Seconds from the last acknowledged record of a batch until it is in gold."""
    sized = {f"W3 {count:,} rows": partial(rows_before, count) for count in sizes.tables}
    versions, files = f"W3 {sizes.versions:,} versions", f"W3 {sizes.small_files:,} files today"
    fills = {
        **sized,
        versions: partial(versions_before, sizes.versions),
        files: partial(files_before, sizes.small_files),
    }
    cases = tuple(Case(name, (OURS, STREAMING), partial(_measure, sizes, fill)) for name, fill in fills.items())
    least, *_, most = sized
    ratios = [
        Ratio(f"W3 {what}", (name, OURS), (least, OURS), AT_MOST)
        for what, name in {
            "largest by smallest": most,
            "versions by smallest": versions,
            "files by smallest": files,
        }.items()
    ]
    return Workload("W3", "Small batch, growing tables", cases, ratios=tuple(ratios))


def _measure(sizes: Sizes, fill: Fill, contender: str, _round: int) -> Sequence[Measured]:
    with selling(sizes, contender) as shop:
        return batches(shop, fill)


def batches(shop: Shop, fill: Fill) -> Sequence[Measured]:
    """Batches into tables that have been filled."""
    sizes = shop.site.sizes
    shop.batch(sizes.day_lines)
    shop.past = fill(Past(shop.site, shop.prefix))
    shop.warm_up()
    values = [shop.batch(sizes.batch) for _ in range(sizes.batches)]
    shop.check()
    return [Measured(SECONDS, values)]


def rows_before(count: int, past: Past) -> pa.Table:
    """Of a year before today."""
    past.rows(count, [today() - timedelta(days=number) for number in range(1, PAST_DAYS + 1)])
    return oracle.FACTS.empty_table()


def versions_before(count: int, past: Past) -> pa.Table:
    """Of all tables."""
    past.versions(count)
    return oracle.FACTS.empty_table()


def files_before(count: int, past: Past) -> pa.Table:
    """Of today."""
    return past.files(count, today())
