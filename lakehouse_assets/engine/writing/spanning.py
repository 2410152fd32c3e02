"""Rules over several rows, examined on what a table's days would be once a batch is published."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import reduce

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

from lakehouse_assets.engine.contracts import MASK
from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.rules import ReferenceRule, SpanningRule, UniqueRule, VolumeRule
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import delta
from lakehouse_assets.engine.writing.audits import Audit, Samples, day_of, sampled


def looks_at_table(rules: Iterable[SpanningRule]) -> bool:
    """Whether a rule speaks of all rows of a day, and not of a batch's rows alone."""
    return any(not isinstance(rule, ReferenceRule) for rule in rules)


def audit(spark: SparkSession, lake: Lake, table: Table, rows: DataFrame, days: Collection[Partition]) -> Audit:
    """The verdict of a table's spanning rules over `rows`: all that the days will hold, with their partition.

    One Spark query for all rules, another one for samples when any is broken.
    """
    rules = table.contract.spanning if table.contract else ()
    found = [(rule, _groups(spark, lake, table, rule, rows)) for rule in rules]
    if not found:
        return Audit()
    summed = [groups.groupBy("day", "rule").agg(F.sum("rows").alias("rows")) for _, groups in found]
    counted = reduce(DataFrame.unionByName, summed).collect()
    counts = {(row["day"], row["rule"]): int(row["rows"]) for row in counted}
    volumes = [rule for rule in rules if isinstance(rule, VolumeRule)]
    broken = {key: count for key, count in counts.items() if key[1] not in {rule.name for rule in volumes}}
    broken |= {key: rows for rule in volumes for key, rows in _volumes(rule, counts, days)}
    return Audit(broken=_by_day(broken), samples=_samples(found, {rule for _, rule in broken}))


def _groups(spark: SparkSession, lake: Lake, table: Table, rule: SpanningRule, rows: DataFrame) -> DataFrame:
    """`day`, `rule`, `at`, `rows`: groups of rows that break the rule; of a volume rule the size of each day."""
    if isinstance(rule, VolumeRule):
        columns: Sequence[str] = ()
    else:
        columns = rule.columns if isinstance(rule, UniqueRule) else (rule.column,)
    columns = [name for name in columns if name not in table.grid.columns]
    grouped = rows.groupBy(day_of(table.grid), *map(F.col, columns)).agg(F.count("*").alias("rows"))
    if isinstance(rule, UniqueRule):
        grouped = grouped.where(F.col("rows") > 1)
    if isinstance(rule, ReferenceRule):
        grouped = _unknown(spark, lake, rule, grouped)
    personal = table.contract.personal if table.contract else frozenset[str]()
    at = [_shown(name, name in personal) for name in columns]
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
    rule: VolumeRule, counts: dict[tuple[Partition, str], int], days: Collection[Partition]
) -> list[tuple[tuple[Partition, str], int]]:
    """Days with too few or too many rows; an empty day counts as one."""
    sizes = {day: counts.get((day, rule.name), 0) for day in days}
    return [((day, rule.name), max(1, rows)) for day, rows in sizes.items() if not rule.holds_for(rows)]


def _by_day(broken: dict[tuple[Partition, str], int]) -> dict[Partition | None, dict[str, int]]:
    found: dict[Partition | None, dict[str, int]] = {}
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
