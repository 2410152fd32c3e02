"""A view, serve: an answer combined from other tables when it is read; holds no rows of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from pandera.pyspark import DataFrameModel

from lakehouse_assets.engine.contracts import Contract, compile_model
from lakehouse_assets.engine.history.versions import digest
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.upstreams import Upstream, upstreams
from lakehouse_assets.errors import ContractError


@dataclass(frozen=True)
class View(Table):
    """Serve: an answer combined from other tables when it is read; holds no rows of its own."""

    over: tuple[Table, ...]
    """What it reads; as long as one does not exist it is read as empty."""
    schema: type[DataFrameModel]
    grain: tuple[str, ...]
    """Columns that identify a row."""
    sql: str
    """One SELECT over the names of what it is over (`gold_sales_customer_days`), in SQL that Spark, DuckDB and delta-rs
    share."""
    freshness_hours: float | None = field(default=None, kw_only=True)
    """None: a view holds nothing that could be stale; its sources promise for themselves."""

    @cached_property
    def contract(self) -> Contract:
        """The compiled schema.

        Raises:
            ContractError: a column has a check; only types, nulls and the grain of a view are examined.
        """
        compiled = compile_model(self.schema, self.key)
        checked = [rule.name for rule in compiled.every_rule if getattr(rule, "check", "") != "not_null"]
        if checked:
            raise ContractError(
                f"{checked[0]!r} would not be examined: a view stores nothing that a rule could hold back",
                where=self.key,
                do="Put the rule on the table that the view reads",
            )
        return compiled

    @cached_property
    def code_version(self) -> str:
        """Changes when the SQL or the contract does."""
        return digest(self.sql, self.contract.version)

    @cached_property
    def lives_on(self) -> tuple[Upstream, ...]:
        """What it is over."""
        return upstreams(self.over)

    @property
    def fed_said(self) -> str:
        """It holds none."""
        return f"Holds no rows: its SELECT over {', '.join(self.made_from)} runs when it is read"

    @property
    def full_grain(self) -> tuple[str, ...]:
        """The declared one."""
        return self.grain

    @property
    def freshness_said(self) -> str:
        """It promises nothing of its own."""
        return "that of its sources: it is combined when it is read"

    def rules_said(self) -> Iterator[str]:
        """What an examination looks at."""
        yield "**Rules**: materializing it checks columns, nulls and grain; it stores nothing"
