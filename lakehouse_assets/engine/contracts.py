"""A table's Pandera model, compiled into Spark expressions that name every rule a row breaks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyspark.sql.functions as F
from pandera.pyspark import DataFrameModel
from pyspark.sql import Column
from pyspark.sql.types import StructField, StructType

from lakehouse_assets.engine.expressions import CHECKS, ordered
from lakehouse_assets.engine.refusals import refusal
from lakehouse_assets.errors import ContractError


@dataclass(frozen=True)
class Rule:
    """One condition a row must meet."""

    name: str
    column: str
    check: str
    statistics: Mapping[str, Any]

    def holds(self) -> Column:
        """Null or true where a row meets the condition."""
        return CHECKS[self.check](F.col(self.column), self.statistics)


@dataclass(frozen=True)
class Contract:
    """What a table promises of its rows."""

    fields: StructType
    """Business columns in order, with types, nullability and descriptions."""
    rules: tuple[Rule, ...]
    version: str
    """Changes when a column or a rule does."""

    def broken(self) -> Column:
        """array<string>: the names of the rules a row breaks; empty for a good row."""
        return without_nulls([F.when(~F.coalesce(rule.holds(), F.lit(True)), F.lit(rule.name)) for rule in self.rules])


def without_nulls(names: Sequence[Column]) -> Column:
    """array<string> of those that are not null; `array_compact` would take the projection out of code generation."""
    return F.array_except(F.array(*names), F.array(F.lit(None).cast("string")))


def compile_model(model: type[DataFrameModel], table: str) -> Contract:
    """The contract of a Pandera model.

    Raises:
        ContractError: a check has no Spark expression, named with its column.
    """
    schema = model.to_schema()
    if schema.checks:
        raise _unsupported(table, "the whole frame", schema.checks[0].name, "it is not about one row")
    fields, rules = [], []
    for name, column in schema.columns.items():
        metadata = {"comment": column.description} if column.description else {}
        fields.append(StructField(name, column.dtype.type, column.nullable, metadata))
        rules += _column_rules(name, column, table)
    return Contract(StructType(fields), tuple(rules), _version(schema))


def _column_rules(name: str, column: Any, table: str) -> list[Rule]:
    rules = [] if column.nullable else [Rule(f"{name}: not null", name, "not_null", {})]
    for check in column.checks:
        if reason := refusal(check, column.dtype.type):
            raise _unsupported(table, name, check.name, reason)
        statistics = ordered(check.statistics)
        shown = ", ".join(str(value) for value in statistics.values())
        rules.append(Rule(f"{name}: {check.name}({shown})", name, check.name, statistics))
    return rules


def _unsupported(table: str, column: str, check: str | None, reason: str) -> ContractError:
    return ContractError(
        f"check {check!r} on {column} cannot be enforced by Spark: {reason}",
        where=table,
        do=f"Change it, or use another of: {', '.join(sorted(CHECKS))}",
    )


def _version(schema: Any) -> str:
    parts = [
        f"{name} {column.dtype} {column.nullable} {[(c.name, _arguments(c)) for c in column.checks]}"
        for name, column in schema.columns.items()
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _arguments(check: Any) -> list[tuple[str, Any]]:
    return sorted(ordered(check.statistics).items())
