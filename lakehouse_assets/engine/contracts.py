"""A table's Pandera model, compiled into Spark expressions that name every rule a row breaks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyspark.sql.functions as F
from pandera.pyspark import DataFrameModel
from pyspark.sql import Column
from pyspark.sql.types import ArrayType, MapType, StructField, StructType

from lakehouse_assets.engine.expressions import CHECKS, ordered
from lakehouse_assets.engine.grids import PARTITION_COLUMNS
from lakehouse_assets.engine.names import column as named
from lakehouse_assets.engine.refusals import refusal
from lakehouse_assets.engine.rules import (
    SEVERITIES,
    DeclaredRule,
    ReferenceRule,
    RowRule,
    Severity,
    SpanningRule,
    UniqueRule,
)
from lakehouse_assets.errors import ContractError

_ALIASES = {
    "eq": "equal_to",
    "ne": "not_equal_to",
    "gt": "greater_than",
    "ge": "greater_than_or_equal_to",
    "lt": "less_than",
    "le": "less_than_or_equal_to",
    "nullable": "not_null",
}

MASK = "•••"
"""What people see of a personal value."""


@dataclass(frozen=True)
class Rule:
    """One condition that a field's value must meet."""

    name: str
    column: str
    check: str
    statistics: Mapping[str, Any]
    severity: Severity = "quarantine"

    def holds(self) -> Column:
        """Null or true where a row meets the condition."""
        return CHECKS[self.check](named(self.column), self.statistics)


@dataclass(frozen=True)
class Contract:
    """What a table promises of its rows."""

    fields: StructType
    """Business columns in order, with types, nullability and descriptions."""
    rules: tuple[Rule | RowRule, ...]
    """Conditions that each row is held to by itself."""
    version: str
    """Changes when a column or a rule does."""
    spanning: tuple[SpanningRule, ...] = ()
    """Conditions over several rows."""
    personal: frozenset[str] = frozenset()
    """Columns with personal data: masked wherever people look."""

    @property
    def looked_up(self) -> tuple[str, ...]:
        """Keys of the tables that its rules look values up in."""
        return tuple(rule.to for rule in self.spanning if isinstance(rule, ReferenceRule))

    @property
    def every_rule(self) -> tuple[Rule | RowRule | SpanningRule, ...]:
        """All of them, each with its severity."""
        return (*self.rules, *self.spanning)

    def broken(self, *severities: Severity) -> Column:
        """array<string>: the names of the rules a row breaks; empty for a good row. Of these severities, or of all.

        No array is built for a good row: on a million of them that is most of what rules would cost.
        """
        wanted = [rule for rule in self.rules if rule.severity in (severities or SEVERITIES)]
        met = [(rule.name, F.coalesce(rule.holds(), F.lit(True))) for rule in wanted]
        named = without_nulls([F.when(~holds, F.lit(name)) for name, holds in met])
        return F.when(_all([holds for _, holds in met]), without_nulls([])).otherwise(named) if met else named

    def accepting(self, accepted: Collection[str]) -> Contract:
        """The contract under which a breach of these `fail` rules sets the row aside."""
        if not accepted:
            return self
        return replace(self, rules=tuple(_accepted(rule) if rule.name in accepted else rule for rule in self.rules))

    def of_severity(self, severity: Severity) -> frozenset[str]:
        """The names of the rules of a severity."""
        return frozenset(rule.name for rule in self.every_rule if rule.severity == severity)

    def shown(self) -> Column:
        """map<string,string>: the fields of a row that are not null, as people may see them."""
        values = [(field.name, _shown(field, field.name in self.personal)) for field in self.fields]
        entries = F.array(*[F.struct(F.lit(name), value) for name, value in values])
        return F.map_from_entries(F.filter(entries, lambda entry: entry["col2"].isNotNull()))


def _all(conditions: Sequence[Column]) -> Column:
    """Whether all hold; a balanced tree, because Spark Connect takes no expression of a hundred levels."""
    half = len(conditions) // 2
    return _all(conditions[:half]) & _all(conditions[half:]) if half else conditions[0]


def _accepted(rule: Rule | RowRule) -> Rule | RowRule:
    return replace(rule, severity="quarantine") if rule.severity == "fail" else rule


def _shown(field: StructField, personal: bool) -> Column:
    column = named(field.name)
    if personal:
        return F.when(column.isNotNull(), F.lit(MASK)).alias("col2")
    is_nested = isinstance(field.dataType, ArrayType | MapType | StructType)
    return (F.to_json(column) if is_nested else column.cast("string")).alias("col2")


def without_nulls(names: Sequence[Column]) -> Column:
    """array<string> of those that are not null; `array_compact` would take the projection out of code generation."""
    if not names:
        return F.array().cast("array<string>")
    return F.array_except(F.array(*names), F.array(F.lit(None).cast("string")))


def compile_model(model: type[DataFrameModel], table: str, default: Severity = "quarantine") -> Contract:
    """The contract of a Pandera model; `default` is the severity of the rules that name none.

    Raises:
        ContractError: a check has no Spark expression, or a rule cannot have its severity; named with its column.
    """
    schema, said = model.to_schema(), model.Config.metadata or {}
    if schema.checks:
        raise _unsupported(table, "the whole frame", schema.checks[0].name, "it is not about one row")
    if schema.coerce:
        raise _unsupported(table, "the whole frame", "coerce", "the transform makes the types")
    fields, rules = [], []
    for name, column in schema.columns.items():
        metadata = {"comment": column.description} if column.description else {}
        fields.append(StructField(name, column.dtype.type, column.nullable, metadata))
        rules += _column_rules(name, column, table, default)
    declared = [_with_severity(rule, default) for rule in said.get("rules", ())]
    contract = Contract(
        fields=StructType(fields),
        rules=(*rules, *(rule for rule in declared if isinstance(rule, RowRule))),
        version=_version(schema, declared, [rule for rule in rules if rule.severity != default]),
        spanning=tuple(_spanning(schema.unique, said, declared, table)),
        personal=frozenset(name for name, column in schema.columns.items() if (column.metadata or {}).get("personal")),
    )
    _check_names(contract, table)
    return contract


def without_quarantine(contract: Contract, table: str) -> Contract:
    """The contract of a table that has no quarantine.

    Raises:
        ContractError: a rule is to set rows aside all the same.
    """
    if wrong := sorted(contract.of_severity("quarantine")):
        raise ContractError(
            f"{', '.join(wrong)}: an answer has no record of its own that could be set aside",
            where=table,
            do="Give it the severity fail or warn, or put it on the table that the answer is computed from",
        )
    return contract


def _column_rules(name: str, column: Any, table: str, default: Severity) -> list[Rule]:
    for option in ("regex", "coerce"):
        if getattr(column, option):
            raise _unsupported(
                table, name, option, "a table has columns of fixed names, and its transform makes the types"
            )
    severity = _severities(name, column, table, default)
    rules = [] if column.nullable else [Rule(f"{name}: not null", name, "not_null", {}, severity("not_null"))]
    for check in column.checks:
        if reason := refusal(check, column.dtype.type):
            raise _unsupported(table, name, check.name, reason)
        statistics = ordered(check.statistics)
        shown = ", ".join(str(value) for value in statistics.values())
        named = f"{name}: {check.name}({shown})"
        rules.append(Rule(named, name, check.name, statistics, severity(check.name)))
    return rules


def _severities(name: str, column: Any, table: str, default: Severity) -> Callable[[str], Severity]:
    """By check, from the field's `metadata={"severity": "warn"}` or `metadata={"severity": {"ge": "warn"}}`."""
    stated = (column.metadata or {}).get("severity", {})
    by_check = {_ALIASES.get(check, check): each for check, each in stated.items()} if isinstance(stated, dict) else {}
    checks = {check.name for check in column.checks} | (set() if column.nullable else {"not_null"})
    wrong = [each for each in (by_check.values() if by_check else [stated or default]) if each not in SEVERITIES]
    if wrong or by_check.keys() - checks:
        raise ContractError(
            f"cannot read the severity of {name}: {stated!r}",
            where=table,
            do=f"Give one of {', '.join(SEVERITIES)}, or one for each of its checks: {', '.join(sorted(checks))}",
        )
    return lambda check: by_check.get(check, stated if isinstance(stated, str) and stated else default)


def _with_severity(rule: DeclaredRule, default: Severity) -> DeclaredRule:
    """A rule over several rows cannot set any aside: it fails the batch, unless it says otherwise."""
    return replace(rule, severity=rule.severity or (default if isinstance(rule, RowRule) else "fail"))


def _spanning(
    unique: str | Sequence[str] | None, said: Mapping[str, Any], declared: Sequence[DeclaredRule], table: str
) -> Iterator[SpanningRule]:
    columns = (unique,) if isinstance(unique, str) else tuple(unique or ())
    by_config = [UniqueRule(columns, said.get("severity", {}).get("unique", "fail"))] if columns else []
    for rule in (*by_config, *(rule for rule in declared if not isinstance(rule, RowRule))):
        if rule.severity == "quarantine":
            raise ContractError(
                f"{rule.name!r} cannot set rows aside: which ones would depend on the split into batches",
                where=table,
                do="Give it the severity fail or warn",
            )
        yield rule


def _check_names(contract: Contract, table: str) -> None:
    names = [rule.name for rule in contract.every_rule]
    known = {*contract.fields.names, *PARTITION_COLUMNS}
    columns = {name for rule in contract.spanning for name in _columns_of(rule)}
    wrong = {name for name in names if names.count(name) > 1} or columns - known
    if wrong:
        raise ContractError(
            f"{', '.join(sorted(wrong))}: a rule that is there twice, or a rule's column that is not",
            where=table,
            do="Name each rule once, and only columns of the model in it",
        )


def _columns_of(rule: SpanningRule) -> tuple[str, ...]:
    if isinstance(rule, UniqueRule):
        return rule.columns
    return (rule.column,) if isinstance(rule, ReferenceRule) else ()


def _unsupported(table: str, column: str, check: str | None, reason: str) -> ContractError:
    return ContractError(
        f"check {check!r} on {column} cannot be enforced by Spark: {reason}",
        where=table,
        do=f"Change it, or use another of: {', '.join(sorted(CHECKS))}; or a RowRule with the condition in SQL",
    )


def _version(schema: Any, declared: Sequence[DeclaredRule], of_other_severity: Sequence[Rule]) -> str:
    parts = [
        f"{name} {column.dtype} {column.nullable} {[(c.name, _arguments(c)) for c in column.checks]}"
        for name, column in schema.columns.items()
    ]
    parts += [repr(rule) for rule in declared] + [f"unique {schema.unique}"] * bool(schema.unique)
    parts += [f"{rule.name} {rule.severity}" for rule in of_other_severity]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _arguments(check: Any) -> list[tuple[str, Any]]:
    return sorted(ordered(check.statistics).items())
