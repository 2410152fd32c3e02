"""A project's tables, gathered from its folders: one file, one `table`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from lakehouse_assets.engine.naming import check_distinct
from lakehouse_assets.engine.table import Table


def tables_in(layer: ModuleType) -> Iterator[Table]:
    """The `table` of every file in a layer."""
    for module in iter_modules(layer.__path__, f"{layer.__name__}."):
        yield import_module(module.name).table


def check_names(tables: Iterable[Table]) -> None:
    """Makes sure that Dagster and the store can tell the tables, their quarantines and their sources apart.

    Raises:
        ContractError: two share a name; says which.
    """
    named = [(table.key, *name) for table in tables for name in table.names()]
    for what in dict.fromkeys(kind for _, kind, _ in named):
        check_distinct([(key, name) for key, kind, name in named if kind == what], what)
