"""A table's rules as Dagster asset checks: what each one promises, and how many rows of a batch broke it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
    TableRecord,
)

from lakehouse_assets.engine.checks import DECLARED, Check
from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.audits import MOST_SAMPLES, Audit, Sample
from lakehouse_assets.engine.writing.drift import is_drift


def specs(table: Table) -> list[AssetCheckSpec]:
    """The checks as Dagster lists them."""
    return [
        AssetCheckSpec(
            check.name,
            asset=table.asset_key,
            description=check.description,
            metadata={"severity": check.severity} | ({"column": check.column} if check.column else {}),
        )
        for check in table.checks
    ]


def severity_of(check: Check) -> AssetCheckSeverity:
    """Only what lets nothing pass is an error."""
    return AssetCheckSeverity.ERROR if check.severity == "fail" else AssetCheckSeverity.WARN


TO_GO_ON = "to go on"


def evaluations(
    table: Table, audit: Audit, day: Partition | None = None, do: str = ""
) -> Iterator[AssetCheckEvaluation]:
    """One verdict per check: over a day, or over all that the audit looked at. `do` is said of what refused a batch."""
    for check in table.checks:
        days = audit.days() if day is None else [day]
        counted = _counted(table, check, audit, days)
        refuses = do and check.severity == "fail" and counted["rows_breaking"]
        said: dict[str, str] = {TO_GO_ON: do} if refuses else {}
        yield AssetCheckEvaluation(
            asset_key=table.asset_key,
            check_name=check.name,
            passed=counted["rows_breaking"] == 0,
            metadata={**counted, **said, "severity": check.severity, **_samples(table, check, audit, days)},
            severity=severity_of(check),
            description=check.description,
            partition=table.grid.key(day) if day else None,
        )


def by_partition(table: Table, audit: Audit, days: Iterable[Partition]) -> Iterator[AssetCheckEvaluation]:
    """One verdict per check and partition; none for a table that is not parted."""
    for day in days:
        if table.grid.key(day) is not None:
            yield from evaluations(table, audit, day)


def results(table: Table, audit: Audit) -> Iterator[AssetCheckResult]:
    """The verdicts over a whole rebuild, as an asset step has to yield them."""
    for each in evaluations(table, audit):
        yield AssetCheckResult(
            passed=each.passed,
            check_name=each.check_name,
            metadata=each.metadata,
            severity=each.severity,
            description=each.description,
        )


def _counted(table: Table, check: Check, audit: Audit, days: Iterable[Partition | None]) -> Mapping[str, int | float]:
    looked_at = [*days]
    rows = audit.rows(looked_at)
    breaking = sum(audit.breaking(rule, looked_at) for rule in _reasons(table, check, audit))
    return {"rows": rows, "rows_breaking": breaking, "share": round(breaking / rows, 6) if rows else 0.0}


def _samples(table: Table, check: Check, audit: Audit, days: Sequence[Partition | None]) -> dict[str, MetadataValue]:
    """Rows that broke it, at most twenty, with the value of its column where it has one."""
    rules = sorted(_reasons(table, check, audit))
    found = [(day, rule, each) for day in days for rule in rules for each in audit.samples.get((day, rule), ())]
    if not found:
        return {}
    records = [
        TableRecord({"day": str(day or ""), "at": each.at, "reason": rule, "value": _value(check, each)})
        for day, rule, each in found[:MOST_SAMPLES]
    ]
    return {"samples": MetadataValue.table(records)}


def _value(check: Check, sample: Sample) -> str:
    if check.column:
        return sample.fields.get(check.column, "null")
    return ", ".join(f"{name} {value}" for name, value in sample.fields.items())


def _reasons(table: Table, check: Check, audit: Audit) -> frozenset[str]:
    if check.rules is not None:
        return check.rules
    named = {rule for other in table.checks for rule in other.rules or ()}
    of_drift = check.name == DECLARED
    return frozenset(rule for rule in audit.broken_rules - named if is_drift(rule) == of_drift)
