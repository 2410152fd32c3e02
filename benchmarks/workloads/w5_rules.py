"""W5: what twelve rules cost on a million rows: the same batch without rules, with ours, and with Pandera's validate.

The rounds are those of `benchmarks.quality`, which compares every count with the rows as they were made.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import quality
from benchmarks.harness.cases import SECONDS, Case, Limit, Measured, Ratio, Workload, WrongResultError
from benchmarks.harness.scale import Sizes
from benchmarks.harness.site import opened

CASE, WITHOUT, ROW_RULES, ALL, PANDERA = "W5", "no rules", "ten row rules", "all twelve", "Pandera's validate"


def workload(sizes: Sizes) -> Workload:
    """Seconds from bronze to the commit; a rule's cost is what a batch takes longer with it."""
    made = Case(CASE, (ROW_RULES,), lambda _contender, number: measured(sizes, number))
    ratios = (
        Ratio("W5 row rules by none", (CASE, ROW_RULES), (CASE, WITHOUT), Limit("median", "<=", 1.05)),
        Ratio("W5 twelve by none", (CASE, ALL), (CASE, WITHOUT)),
        Ratio("W5 Pandera by none", (CASE, PANDERA), (CASE, WITHOUT)),
    )
    return Workload("W5", "Twelve quality rules", (made,), ratios=ratios)


def measured(sizes: Sizes, number: int) -> Sequence[Measured]:
    """All four ways, in turn, after a round that warms up."""
    around = {"LAKEHOUSE_MAX_RECORDS_PER_BATCH": str(sizes.ruled_rows)}
    with opened(sizes, around=around) as site:
        site.stack.up("spark")
        return in_turn(sizes.ruled_rows, number)


def in_turn(rows: int, number: int) -> Sequence[Measured]:
    """On the services of the settings."""
    bench = quality.Bench(rows)
    try:
        bench.round(0)
        found = bench.round(number + 1)
    except AssertionError as error:
        raise WrongResultError(f"counts differ: {error}") from error
    finally:
        assert bench.lab.spark is not None
        bench.lab.spark.stop()
    return [Measured(SECONDS, [seconds], contender=name) for name, seconds in found.items()]
