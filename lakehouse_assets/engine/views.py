"""What a view's file declares: its sources, its columns and its SQL, and no machinery."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from pandera.pyspark import DataFrameModel
from pyspark.sql.types import StructType

from lakehouse_assets.engine.contracts import Contract, compile_model
from lakehouse_assets.engine.history.versions import digest
from lakehouse_assets.engine.tables import DailyTable, EventTable, Table
from lakehouse_assets.errors import ContractError


@dataclass(frozen=True)
class Reference:
    """A table by key, of which a view reads these columns; as long as it does not exist it is read as empty."""

    key: str
    fields: StructType

    @property
    def name(self) -> str:
        """The key as an identifier, e.g. `silver_sales_products`."""
        return self.key.replace("/", "_")


Source = EventTable | DailyTable | Reference


@dataclass(frozen=True)
class View(Table):
    """Serve: an answer combined from other tables when it is read; holds no rows of its own."""

    sources: tuple[Source, ...]
    schema: type[DataFrameModel]
    grain: tuple[str, ...]
    """Columns that identify a row."""
    sql: str
    """One SELECT over the sources' names (`gold_sales_customer_days`), in SQL that Spark, DuckDB and delta-rs share."""
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
