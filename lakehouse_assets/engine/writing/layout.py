"""How a table lies in the lake, beside how its file says that it does."""

from __future__ import annotations

from collections.abc import Sequence

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import ContractError


def check(lake: Lake, table: Table) -> None:
    """Lets a table pass that is parted as its file says, or does not exist yet.

    Raises:
        ContractError: it is parted otherwise; names both ways.
    """
    held, declared = lake.parted_by(table.key), tuple(table.grid.columns)
    if held not in (None, declared):
        raise ContractError(
            f"the table is parted by {_listed(held or ())}, its file says by {_listed(declared)}: no row was written",
            where=table.key,
            do=f"Run `lakehouse reset {table.key}`, and it and what lives on it are made anew; or take the change back",
        )


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns) or "nothing"
