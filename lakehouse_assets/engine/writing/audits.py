"""Audits: how many rows of a batch met or broke each rule on each day, counted in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import pyspark.sql.functions as F
from pyspark.sql import DataFrame

REASONS = "reasons"
"""array<string>: the name of every broken rule; empty for a good row."""

Broken = Mapping[date | None, Mapping[str, int]]
"""Rows by day and broken rule; a row that breaks two rules counts for both. None: a date that no calendar holds."""


@dataclass(frozen=True)
class Audit:
    """The verdict over a batch."""

    good: Mapping[date, int] = field(default_factory=dict)
    """Good rows by day."""
    bad: Mapping[date | None, int] = field(default_factory=dict)
    """Rows that broke any rule, by day."""
    broken: Broken = field(default_factory=dict)

    @property
    def good_rows(self) -> int:
        """All good rows."""
        return sum(self.good.values())

    @property
    def bad_rows(self) -> int:
        """All rows set aside or refused."""
        return sum(self.bad.values())

    def rows(self, days: Iterable[date | None]) -> int:
        """Rows looked at on these days."""
        return sum((self.good.get(day, 0) if day else 0) + self.bad.get(day, 0) for day in days)

    def breaking(self, rule: str, days: Iterable[date | None]) -> int:
        """Rows of these days that break a rule."""
        return sum(self.broken.get(day, {}).get(rule, 0) for day in days)

    def days(self) -> list[date | None]:
        """Every day that any row is dated."""
        days: dict[date | None, None] = {**dict.fromkeys(self.bad)}
        return [*(days | dict.fromkeys(self.good))]


def audit(rows: DataFrame) -> Audit:
    """Counts `rows`, which have `event_date` and `reasons`."""
    shown = F.col("event_date").between(F.lit(date.min), F.lit(date.max))
    day = F.when(shown, F.col("event_date")).alias("day")
    counted = rows.groupBy(day, REASONS).count().collect()
    return gather((row["day"], row[REASONS], row["count"]) for row in counted)


def gather(counted: Iterable[tuple[date | None, Iterable[str], int]]) -> Audit:
    """An audit from (day, broken rules, rows)."""
    good: Counter[date] = Counter()
    bad: Counter[date | None] = Counter()
    broken: dict[date | None, Counter[str]] = {}
    for day, reasons, count in counted:
        names = [*reasons]
        if day is not None and not names:
            good[day] += count
            continue
        bad[day] += count
        for name in names:
            broken.setdefault(day, Counter())[name] += count
    return Audit(dict(sorted(good.items())), dict(bad), broken)


def together(audits: Iterable[Audit]) -> Audit:
    """Several audits as one."""
    counted: list[tuple[date | None, Iterable[str], int]] = []
    bad: Counter[date | None] = Counter()
    for each in audits:
        counted += [(day, (), count) for day, count in each.good.items()]
        counted += [(day, (name,), count) for day, names in each.broken.items() for name, count in names.items()]
        bad.update(each.bad)
    whole = gather(counted)
    return Audit(whole.good, dict(bad), whole.broken)
