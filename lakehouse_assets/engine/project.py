"""A project's tables, gathered from its folders: one file, one `table`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, cast

import lakehouse_assets
from lakehouse_assets import project
from lakehouse_assets.engine.naming import check_distinct
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import LakehouseError, SettingsError

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds import Quarantine, View

_PUBLISHED = project.LAYERS[:3]
_SERVED = project.LAYERS[3]
_CODE = ("*.py", "*.sql")


@dataclass(frozen=True)
class Registry:
    """Every table, quarantine and view of a project. Knows nothing of Dagster: whoever only reads has them soon."""

    tables: tuple[Table, ...]
    views: tuple[View, ...]

    @property
    def quarantines(self) -> tuple[Quarantine, ...]:
        """One for each table that sets rows aside."""
        return tuple(table.set_aside for table in self.tables if table.set_aside)


def gathered(package: ModuleType) -> Registry:
    """What the layers of a package hold; a layer may be missing."""
    tables = (table for layer in _PUBLISHED for table in tables_of(package.__name__, layer))
    return Registry(tuple(tables), tuple(cast("Iterator[View]", tables_of(package.__name__, _SERVED))))


def registry() -> Registry:
    """The tables of the project that this process works for.

    Raises:
        SettingsError: its package is not there.
    """
    return _of(project.current())


@cache
def _of(found: project.Project) -> Registry:
    found.make_importable()
    if find_spec(found.package) is None:
        raise SettingsError(
            f"there is no package {found.package}",
            where=str(found.root / project.FILE),
            do="Make its folder, or let [tool.lakehouse] name another one",
        )
    return gathered(import_module(found.package))


def code_version() -> str:
    """Digest of everything that a run imports: of the engine's files, and of those of this process's project."""
    found = project.current()
    found.make_importable()
    packages = dict.fromkeys((lakehouse_assets.__name__, found.package))
    digest = hashlib.sha256()
    for path in (path for package in packages for path in _files(package)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _files(package: str) -> Iterator[Path]:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        yield from sorted(each for kind in _CODE for each in Path(folder).rglob(kind))


def tables_of(package: str, layer: str) -> Iterator[Table]:
    """The `table` of every file of a layer, by file name; none where the package has no such layer."""
    name = f"{package}.{layer}"
    if find_spec(name) is not None:
        yield from tables_in(import_module(name))


def tables_in(layer: ModuleType) -> Iterator[Table]:
    """The `table` of every file in a layer.

    Raises:
        BrokenFileError: one is no Python; says where.
    """
    for module in iter_modules(layer.__path__, f"{layer.__name__}."):
        try:
            yield import_module(module.name).table
        except SyntaxError as error:
            where = f"{error.filename} line {error.lineno}"
            raise BrokenFileError(f"is no Python: {error.msg}", where=where, do="Mend the file") from error


class BrokenFileError(LakehouseError):
    """A file of the project cannot be read."""


def check_names(tables: Iterable[Table]) -> None:
    """Makes sure that Dagster and the store can tell the tables, their quarantines and their sources apart.

    Raises:
        ContractError: two share a name; says which.
    """
    named = [(table.key, *name) for table in tables for name in table.names()]
    for what in dict.fromkeys(kind for _, kind, _ in named):
        check_distinct([(key, name) for key, kind, name in named if kind == what], what)
