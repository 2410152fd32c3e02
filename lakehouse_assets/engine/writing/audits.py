"""Audits: how many rows of a batch met or broke each rule on each day, counted in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, Window

from lakehouse_assets.engine.grids import Grid, Partition, ordered

REASONS = "reasons"
"""array<string>: the name of every rule for which the row is set aside; empty for a good row."""
REMARKS = "remarks"
"""array<string>: the name of every broken rule that does not set the row aside: of severity `fail` or `warn`."""
MOST_SAMPLES = 20
"""Samples kept of each rule and day."""
MOST_GROUPS = 5000
"""Days, reasons and remarks together: a source that sends other fields in each record would make one of each."""
MOST_NAMES = 50
"""Undeclared fields that are then counted by name."""
NOT_DECLARED = ": not declared"
FURTHER_FIELDS = "further fields"
"""Stands for the undeclared fields that are not named: a source may send any number of them."""

Broken = Mapping[Partition | None, Mapping[str, int]]
"""Rows by day and broken rule; a row that breaks two rules counts for both. None: a date that no calendar holds."""


@dataclass(frozen=True)
class Sample:
    """One row that broke a rule: its coordinate or grain, and its fields, personal ones masked."""

    at: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sampling:
    """What is kept of a row that broke a rule."""

    at: Column
    """string: its coordinate or grain."""
    shown: Column
    """map<string,string>: its fields as people may see them."""


Samples = Mapping[tuple[Partition | None, str], Sequence[Sample]]
"""By day and rule."""


@dataclass(frozen=True)
class Audit:
    """The verdict over a batch."""

    good: Mapping[Partition, int] = field(default_factory=dict)
    """Rows that are not set aside, by day."""
    bad: Mapping[Partition | None, int] = field(default_factory=dict)
    """Rows set aside, by day."""
    broken: Broken = field(default_factory=dict)
    samples: Samples = field(default_factory=dict)

    @property
    def good_rows(self) -> int:
        """All rows that are not set aside."""
        return sum(self.good.values())

    @property
    def bad_rows(self) -> int:
        """All rows set aside."""
        return sum(self.bad.values())

    def rows(self, days: Iterable[Partition | None]) -> int:
        """Rows looked at on these days."""
        return sum((self.good.get(day, 0) if day else 0) + self.bad.get(day, 0) for day in days)

    def breaking(self, rule: str, days: Iterable[Partition | None]) -> int:
        """Rows of these days that break a rule."""
        return sum(self.broken.get(day, {}).get(rule, 0) for day in days)

    @property
    def broken_rules(self) -> frozenset[str]:
        """Every rule that any row breaks."""
        return frozenset(rule for names in self.broken.values() for rule in names)

    def breaks(self, counts: Callable[[str], bool]) -> dict[Partition | None, list[str]]:
        """The broken rules that count, by day, in the order of the days."""
        found = {day: [rule for rule in names if counts(rule)] for day, names in self.broken.items()}
        return {day: found[day] for day in sorted(found, key=str) if found[day]}

    def without(self, days: Collection[Partition | None]) -> Audit:
        """All but some days."""

        def kept(by_day: Mapping[Any, Any]) -> dict[Any, Any]:
            return {day: each for day, each in by_day.items() if day not in days}

        samples = {key: found for key, found in self.samples.items() if key[0] not in days}
        return Audit(kept(self.good), kept(self.bad), kept(self.broken), samples)

    def days(self) -> list[Partition | None]:
        """Every day that any row is dated, or that a rule speaks of."""
        days: dict[Partition | None, None] = {**dict.fromkeys(self.bad)}
        return [*(days | dict.fromkeys(self.good) | dict.fromkeys(self.broken))]


def no_remarks() -> Column:
    """`remarks` of rows that no rule but those for `reasons` looks at."""
    return F.array().cast("array<string>")


def audit(rows: DataFrame, grid: Grid, sampling: Sampling | None = None) -> Audit:
    """Counts `rows`, which have their partition, `reasons` and `remarks`; keeps samples of those that broke a rule."""
    counted = rows.groupBy(day_of(grid), REASONS, REMARKS).count().limit(MOST_GROUPS + 1).collect()
    if len(counted) > MOST_GROUPS:
        rows = with_few_names(rows)
        counted = rows.groupBy(day_of(grid), REASONS, REMARKS).count().collect()
    found = gather((row["day"], row[REASONS], row[REMARKS], row["count"]) for row in counted)
    if sampling is None or not found.broken:
        return found
    rules = F.explode(F.concat(REASONS, REMARKS)).alias("rule")
    breaking = rows.where(F.size(REASONS) + F.size(REMARKS) > 0)
    shown = (sampling.at.alias("at"), sampling.shown.alias("shown"))
    return replace(found, samples=sampled(breaking.select(day_of(grid), rules, *shown)))


def with_few_names(rows: DataFrame) -> DataFrame:
    """`rows` whose undeclared fields beyond the most frequent ones go by one name: any other name is the table's."""
    each = rows.select(F.explode(F.concat(REASONS, REMARKS)).alias("name")).where(F.col("name").endswith(NOT_DECLARED))
    counted = each.groupBy("name").count().orderBy(F.col("count").desc(), "name").limit(MOST_NAMES)
    known = F.array(*[F.lit(row["name"]) for row in counted.collect()])

    def few(name: Column) -> Column:
        is_kept = F.array_contains(known, name) | ~F.endswith(name, F.lit(NOT_DECLARED))
        return F.when(is_kept, name).otherwise(F.lit(FURTHER_FIELDS + NOT_DECLARED))

    return rows.withColumns({each: F.array_distinct(F.transform(each, few)) for each in (REASONS, REMARKS)})


def day_of(grid: Grid) -> Column:
    """`day`: a row's partition, null for one that Python cannot hold."""
    return grid.shown().alias("day")


def sampled(breaking: DataFrame) -> Samples:
    """The first rows of each rule and day, of a frame with `day`, `rule`, `at` and `shown`."""
    first = Window.partitionBy("day", "rule").orderBy("at")
    kept = breaking.withColumn("rank", F.row_number().over(first)).where(F.col("rank") <= MOST_SAMPLES)
    found: dict[tuple[Partition | None, str], list[Sample]] = {}
    for row in kept.orderBy("day", "rule", "rank").collect():
        found.setdefault((row["day"], row["rule"]), []).append(Sample(row["at"], row["shown"] or {}))
    return found


def gather(counted: Iterable[tuple[Partition | None, Iterable[str], Iterable[str], int]]) -> Audit:
    """An audit from (day, rules for which it is set aside, other broken rules, rows)."""
    good: Counter[Partition] = Counter()
    bad: Counter[Partition | None] = Counter()
    broken: dict[Partition | None, Counter[str]] = {}
    for day, reasons, remarks, count in counted:
        names = [*reasons]
        if day is not None and not names:
            good[day] += count
        else:
            bad[day] += count
        for name in (*names, *remarks):
            broken.setdefault(day, Counter())[name] += count
    return Audit({day: good[day] for day in ordered(good)}, dict(bad), broken)


def together(audits: Iterable[Audit]) -> Audit:
    """Several audits as one."""
    good: Counter[Partition] = Counter()
    bad: Counter[Partition | None] = Counter()
    broken: dict[Partition | None, Counter[str]] = {}
    samples: dict[tuple[Partition | None, str], Sequence[Sample]] = {}
    for each in audits:
        good.update(each.good)
        bad.update(each.bad)
        for day, names in each.broken.items():
            broken.setdefault(day, Counter()).update(names)
        for key, found in each.samples.items():
            samples[key] = [*samples.get(key, ()), *found][:MOST_SAMPLES]
    return Audit({day: good[day] for day in ordered(good)}, dict(bad), broken, samples)
