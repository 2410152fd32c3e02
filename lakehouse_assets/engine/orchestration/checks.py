"""A table's rules as Dagster asset checks: what each one promises, and how many rows of a batch broke it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
    TableRecord,
)

from lakehouse_assets.engine.display.promises import promise
from lakehouse_assets.engine.rules import Severity
from lakehouse_assets.engine.tables import DailyTable, Drift, EventTable, SourceTable, Table
from lakehouse_assets.engine.writing.audits import MOST_SAMPLES, Audit, Sample
from lakehouse_assets.engine.writing.drift import is_drift

CONSEQUENCES: Mapping[Severity, str] = {
    "quarantine": "Rows that break it are set aside in the quarantine, with their coordinate.",
    "fail": "If it is broken, nothing is published.",
    "warn": "What breaks it is reported, and published.",
}


DECLARED = "fields_as_declared"
_DRIFTS: Mapping[Drift, Severity] = {"evolve": "warn", "freeze": "fail", "quarantine": "quarantine"}
_ON_DRIFT: Mapping[Drift, str] = {
    "evolve": "A record has the declared fields, or is set aside; further ones are kept in `undeclared`",
    "freeze": "Every record has the declared fields and no others",
    "quarantine": "Every record has the declared fields and no others",
}


@dataclass(frozen=True)
class Check:
    """One rule of a table, or a few that are shown together."""

    name: str
    rules: frozenset[str] | None
    """Reasons that count for this check; None: every reason that no other check names."""
    promise: str
    severity: Severity
    column: str = ""
    """The column it speaks of, where it is one."""

    @property
    def description(self) -> str:
        """The promise, and what happens when it is broken."""
        return f"{self.promise}. {CONSEQUENCES[self.severity]}"

    @property
    def dagsters_severity(self) -> AssetCheckSeverity:
        """Only what lets nothing pass is an error."""
        return AssetCheckSeverity.ERROR if self.severity == "fail" else AssetCheckSeverity.WARN


def checks_of(table: Table) -> tuple[Check, ...]:
    """The checks of a table, in the order of its contract."""
    if isinstance(table, SourceTable):
        return (Check("landable", None, table.promise, "quarantine"),)
    if isinstance(table, EventTable):
        readable = Check("readable", None, "Each field can be read as its type", "quarantine")
        return (readable, Check(DECLARED, None, _ON_DRIFT[table.drift], _DRIFTS[table.drift]), *_rules(table))
    assert isinstance(table, DailyTable)
    once = table.grain_rule
    return (Check(check_name(once), frozenset({once}), f"There is {once}", "fail"), *_rules(table))


def _rules(table: EventTable | DailyTable) -> Iterator[Check]:
    for rule in table.contract.every_rule:
        names, column = frozenset({rule.name}), getattr(rule, "column", "")
        yield Check(check_name(rule.name), names, promise(rule), rule.severity or "fail", column)


def check_name(rule: str) -> str:
    """A rule's name as Dagster takes it: letters, digits and underscores."""
    return re.sub(r"\W+", "_", rule).strip("_")


def specs(table: Table) -> list[AssetCheckSpec]:
    """The checks as Dagster lists them."""
    return [
        AssetCheckSpec(
            check.name,
            asset=table.asset_key,
            description=check.description,
            metadata={"severity": check.severity} | ({"column": check.column} if check.column else {}),
        )
        for check in checks_of(table)
    ]


TO_GO_ON = "to go on"


def evaluations(table: Table, audit: Audit, day: date | None = None, do: str = "") -> Iterator[AssetCheckEvaluation]:
    """One verdict per check: over a day, or over all that the audit looked at. `do` is said of what refused a batch."""
    for check in checks_of(table):
        days = audit.days() if day is None else [day]
        counted = _counted(table, check, audit, days)
        refuses = do and check.severity == "fail" and counted["rows_breaking"]
        said: dict[str, str] = {TO_GO_ON: do} if refuses else {}
        yield AssetCheckEvaluation(
            asset_key=table.asset_key,
            check_name=check.name,
            passed=counted["rows_breaking"] == 0,
            metadata={**counted, **said, "severity": check.severity, **_samples(table, check, audit, days)},
            severity=check.dagsters_severity,
            description=check.description,
            partition=day.isoformat() if day else None,
        )


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


def _counted(table: Table, check: Check, audit: Audit, days: Iterable[date | None]) -> Mapping[str, int | float]:
    looked_at = [*days]
    rows = audit.rows(looked_at)
    breaking = sum(audit.breaking(rule, looked_at) for rule in _reasons(table, check, audit))
    return {"rows": rows, "rows_breaking": breaking, "share": round(breaking / rows, 6) if rows else 0.0}


def _samples(table: Table, check: Check, audit: Audit, days: Sequence[date | None]) -> dict[str, MetadataValue]:
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
    named = {rule for other in checks_of(table) for rule in other.rules or ()}
    of_drift = check.name == DECLARED
    return frozenset(rule for rule in audit.broken_rules - named if is_drift(rule) == of_drift)
