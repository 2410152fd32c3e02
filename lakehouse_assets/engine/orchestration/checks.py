"""A table's rules as Dagster asset checks: what each one promises, and how many rows of a batch broke it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from dagster import AssetCheckEvaluation, AssetCheckResult, AssetCheckSeverity, AssetCheckSpec

from lakehouse_assets.engine.tables import DailyTable, EventTable, SourceTable, Table
from lakehouse_assets.engine.writing.audits import Audit

_SET_ASIDE = "Rows that break it are set aside in the quarantine, with their coordinate."
_REFUSED = "If one row breaks it, nothing is published."


@dataclass(frozen=True)
class Check:
    """One rule of a table, or a few that are shown together."""

    name: str
    rules: frozenset[str] | None
    """Reasons that count for this check; None: every reason that no other check names."""
    description: str
    severity: AssetCheckSeverity


def checks_of(table: Table) -> tuple[Check, ...]:
    """The checks of a table, in the order of its contract."""
    if isinstance(table, SourceTable):
        return (Check("landable", None, f"{table.promise}. {_SET_ASIDE}", AssetCheckSeverity.WARN),)
    if isinstance(table, EventTable):
        readable = Check("readable", None, f"Each field can be read as its type. {_SET_ASIDE}", AssetCheckSeverity.WARN)
        return (readable, *_rules(table, _SET_ASIDE, AssetCheckSeverity.WARN))
    assert isinstance(table, DailyTable)
    once = table.grain_rule
    grain = Check(check_name(once), frozenset({once}), f"There is {once}. {_REFUSED}", AssetCheckSeverity.ERROR)
    return (grain, *_rules(table, _REFUSED, AssetCheckSeverity.ERROR))


def _rules(table: EventTable | DailyTable, consequence: str, severity: AssetCheckSeverity) -> Iterator[Check]:
    for rule in table.contract.rules:
        yield Check(check_name(rule.name), frozenset({rule.name}), f"{rule.name}. {consequence}", severity)


def check_name(rule: str) -> str:
    """A rule's name as Dagster takes it: letters, digits and underscores."""
    return re.sub(r"\W+", "_", rule).strip("_")


def specs(table: Table) -> list[AssetCheckSpec]:
    """The checks as Dagster lists them."""
    return [
        AssetCheckSpec(check.name, asset=table.asset_key, description=check.description) for check in checks_of(table)
    ]


def evaluations(table: Table, audit: Audit, day: date | None = None) -> Iterator[AssetCheckEvaluation]:
    """One verdict per check: over a day, or over all that the audit looked at."""
    for check in checks_of(table):
        counted = _counted(table, check, audit, audit.days() if day is None else [day])
        yield AssetCheckEvaluation(
            asset_key=table.asset_key,
            check_name=check.name,
            passed=counted["rows_breaking"] == 0,
            metadata=counted,
            severity=check.severity,
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


def _reasons(table: Table, check: Check, audit: Audit) -> frozenset[str]:
    if check.rules is not None:
        return check.rules
    named = {rule for other in checks_of(table) for rule in other.rules or ()}
    return frozenset({rule for rules in audit.broken.values() for rule in rules} - named)
