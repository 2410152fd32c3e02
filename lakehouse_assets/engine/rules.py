"""What a model promises beyond its fields: `class Config: metadata = {"rules": (RowRule(...), VolumeRule(...), ...)}`.

Each rule has a severity. `fail`: the batch, or the day of a rebuild, is not published. `quarantine`: the row is set
aside. `warn`: it is reported, and published. A rule that speaks of several rows cannot set single rows aside: its
verdict would depend on how records were split into batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyspark.sql.functions as F
from pyspark.sql import Column

Severity = Literal["fail", "quarantine", "warn"]
SEVERITIES: tuple[Severity, ...] = ("fail", "quarantine", "warn")


@dataclass(frozen=True)
class RowRule:
    """A condition over the columns of one row, as a SQL expression: `NOT is_cancellation OR Price <= 0`.

    A row for which it is null meets it, as a null meets every check of a field.
    """

    name: str
    sql: str
    severity: Severity | None = None
    """None: what the table's layer does with broken rows."""

    def holds(self) -> Column:
        """Null or true where a row meets the condition."""
        return F.expr(self.sql)


@dataclass(frozen=True)
class UniqueRule:
    """No two rows of a day share their values of `columns`; nulls count as equal."""

    columns: tuple[str, ...]
    severity: Severity | None = None

    @property
    def name(self) -> str:
        """`unique: A, B`."""
        return f"unique: {', '.join(self.columns)}"


@dataclass(frozen=True)
class VolumeRule:
    """How many rows each day has, once the batch is published."""

    at_least: int = 0
    at_most: int | None = None
    severity: Severity | None = None

    @property
    def name(self) -> str:
        """`rows a day: 1 or more`, `rows a day: 1 to 10`."""
        return f"rows a day: {self.at_least} {'or more' if self.at_most is None else f'to {self.at_most}'}"

    def holds_for(self, rows: int) -> bool:
        """Whether a day may have so many rows."""
        return self.at_least <= rows and (self.at_most is None or rows <= self.at_most)


@dataclass(frozen=True)
class ReferenceRule:
    """Each value of `column` that is not null is one of `to_column` in the table `to`, as that stands now."""

    column: str
    to: str
    to_column: str
    severity: Severity | None = None

    @property
    def name(self) -> str:
        """`ProductNo: in silver/sales/products.ProductNo`."""
        return f"{self.column}: in {self.to}.{self.to_column}"


SpanningRule = UniqueRule | VolumeRule | ReferenceRule
"""A rule that needs more than one row for its verdict."""
DeclaredRule = RowRule | SpanningRule
