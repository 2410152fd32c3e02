"""What is checked of a table: one rule, or a few that are shown together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lakehouse_assets.engine.contracts import Contract
from lakehouse_assets.engine.promises import promise
from lakehouse_assets.engine.rules import Severity

CONSEQUENCES: Mapping[Severity, str] = {
    "quarantine": "Rows that break it are set aside in the quarantine, with their coordinate.",
    "fail": "If it is broken, nothing is published.",
    "warn": "What breaks it is reported, and published.",
}
Drift = Literal["evolve", "freeze", "quarantine"]
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


def check_name(rule: str) -> str:
    """A rule's name as Dagster takes it: letters, digits and underscores."""
    return re.sub(r"\W+", "_", rule).strip("_")


def of_rules(contract: Contract) -> Iterator[Check]:
    """One check for each rule of a contract."""
    for rule in contract.every_rule:
        names, column = frozenset({rule.name}), getattr(rule, "column", "")
        yield Check(check_name(rule.name), names, promise(rule), rule.severity or "fail", column)


def of_drift(drift: Drift) -> Check:
    """The check of fields that come and go."""
    return Check(DECLARED, None, _ON_DRIFT[drift], _DRIFTS[drift])


def rules_said(contract: Contract, usual: Severity, breach: str) -> str:
    """A contract's rules in a line, the severity of those that differ from the usual one."""
    checked = [rule for rule in contract.every_rule if getattr(rule, "check", "") != "not_null"]
    shown = "; ".join(f"`{rule.name}`{'' if rule.severity == usual else f' ({rule.severity})'}" for rule in checked)
    return f"types and nulls as below{f'; {shown}' if shown else ''}; {breach}"
