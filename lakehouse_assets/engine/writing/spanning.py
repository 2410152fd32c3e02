"""Rules over several rows, examined on what a table's days would be once a batch is published."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from functools import reduce

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

from lakehouse_assets.engine.contracts import MASK, Contract
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.rules import ReferenceRule, SpanningRule, UniqueRule, VolumeRule
from lakehouse_assets.engine.writing import delta
from lakehouse_assets.engine.writing.audits import Audit, Samples, day_of, sampled


def looks_at_table(rules: Iterable[SpanningRule]) -> bool:
    """Whether a rule speaks of all rows of a day, and not of a batch's rows alone."""
    return any(not isinstance(rule, ReferenceRule) for rule in rules)


def audit(spark: SparkSession, lake: Lake, contract: Contract, rows: DataFrame, days: Collection[date]) -> Audit:
    """The verdict of a contract's spanning rules over `rows`: all that the days will hold, with `event_date`.

    One Spark query for all rules, another one for samples when any is broken.
    """
    found = [(rule, _groups(spark, lake, contract, rule, rows)) for rule in contract.spanning]
    if not found:
        return Audit()
    summed = [groups.groupBy("day", "rule").agg(F.sum("rows").alias("rows")) for _, groups in found]
    counted = reduce(DataFrame.unionByName, summed).collect()
    counts = {(row["day"], row["rule"]): int(row["rows"]) for row in counted}
    volumes = [rule for rule in contract.spanning if isinstance(rule, VolumeRule)]
    broken = {key: count for key, count in counts.items() if key[1] not in {rule.name for rule in volumes}}
    broken |= {key: rows for rule in volumes for key, rows in _volumes(rule, counts, days)}
    return Audit(broken=_by_day(broken), samples=_samples(found, {rule for _, rule in broken}))


def _groups(spark: SparkSession, lake: Lake, contract: Contract, rule: SpanningRule, rows: DataFrame) -> DataFrame:
    """`day`, `rule`, `at`, `rows`: groups of rows that break the rule; of a volume rule the size of each day."""
    if isinstance(rule, VolumeRule):
        columns: Sequence[str] = ()
    else:
        columns = rule.columns if isinstance(rule, UniqueRule) else (rule.column,)
    grouped = rows.groupBy(day_of(), *[F.col(name) for name in columns if name != "event_date"]).agg(
        F.count("*").alias("rows")
    )
    if isinstance(rule, UniqueRule):
        grouped = grouped.where(F.col("rows") > 1)
    if isinstance(rule, ReferenceRule):
        grouped = _unknown(spark, lake, rule, grouped)
    at = [_shown(name, name in contract.personal) for name in columns if name != "event_date"]
    return grouped.select("day", F.lit(rule.name).alias("rule"), F.concat_ws(", ", *at).alias("at"), "rows")


def _unknown(spark: SparkSession, lake: Lake, rule: ReferenceRule, grouped: DataFrame) -> DataFrame:
    given = grouped.where(F.col(rule.column).isNotNull())
    if lake.version(rule.to) < 0:
        return given
    known = delta.read(spark, lake, rule.to).select(F.col(rule.to_column).alias(rule.column)).distinct()
    return given.join(known, on=rule.column, how="left_anti")


def _shown(name: str, personal: bool) -> Column:
    value = F.lit(MASK) if personal else F.coalesce(F.col(name).cast("string"), F.lit("null"))
    return F.concat(F.lit(f"{name} "), value)


def _volumes(
    rule: VolumeRule, counts: dict[tuple[date, str], int], days: Collection[date]
) -> list[tuple[tuple[date, str], int]]:
    """Days with too few or too many rows; an empty day counts as one."""
    sizes = {day: counts.get((day, rule.name), 0) for day in days}
    return [((day, rule.name), max(1, rows)) for day, rows in sizes.items() if not rule.holds_for(rows)]


def _by_day(broken: dict[tuple[date, str], int]) -> dict[date | None, dict[str, int]]:
    found: dict[date | None, dict[str, int]] = {}
    for (day, rule), rows in broken.items():
        found.setdefault(day, {})[rule] = rows
    return found


def _samples(found: Sequence[tuple[SpanningRule, DataFrame]], broken: Collection[str]) -> Samples:
    """The values that are repeated or unknown, each with how many rows have them."""
    frames = [groups for rule, groups in found if rule.name in broken and not isinstance(rule, VolumeRule)]
    if not frames:
        return {}
    shown = F.create_map(F.lit("rows"), F.col("rows").cast("string")).alias("shown")
    return sampled(reduce(DataFrame.unionByName, frames).select("day", "rule", "at", shown))
