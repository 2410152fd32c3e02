"""Whose tables these are: the only reader of `[tool.lakehouse]`, and of where a project's files lie.

A project is a folder whose pyproject.toml says

    [tool.lakehouse]
    package = "my_lake"

It is the one that `LAKEHOUSE_PROJECT` names, or the nearest one going up from the working directory. Where there is
none it is this package itself, with its own tables.
"""

from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lakehouse_assets.errors import SettingsError

FILE: Final = "pyproject.toml"
STATE: Final = ".lakehouse"
VARIABLE: Final = "LAKEHOUSE_PROJECT"
LAYERS: Final = ("bronze", "silver", "gold", "serve")
"""The packages within a project's package that hold tables; any of them may be missing."""
_TESTS: Final = "tests"
_ENGINE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Project:
    """A folder with a package of tables."""

    root: Path
    """Where pyproject.toml is; programs are started here."""
    package: str
    """The package with a sub-package for each layer, as Python imports it."""
    tests: str = _TESTS
    """The folder of its tests, from the root: the first of pytest's `testpaths`."""

    @property
    def state(self) -> Path:
        """The private state folder, where no setting places it elsewhere."""
        return self.root / STATE

    @property
    def imports_from(self) -> Path | None:
        """What has to be on Python's path for its package: the root or its `src`; None where it is installed only."""
        places = (self.root, self.root / "src")
        return next((each for each in places if (each / self.package).is_dir()), None)

    @property
    def definitions(self) -> str:
        """The module that Dagster loads."""
        return f"{self.package}.definitions"

    def make_importable(self) -> None:
        """Puts its package before one of the same name that is installed."""
        if self.imports_from and str(self.imports_from) not in sys.path:
            sys.path.insert(0, str(self.imports_from))


def current() -> Project:
    """The project that this process works for.

    Raises:
        SettingsError: a pyproject.toml cannot be read, or `LAKEHOUSE_PROJECT` names no project.
    """
    named = os.environ.get(VARIABLE)
    return _at(Path(named)) if named else find(_working_directory()) or own()


def find(folder: Path) -> Project | None:
    """The nearest project going up from a folder.

    Raises:
        SettingsError: a pyproject.toml on the way cannot be read.
    """
    resolved = folder.resolve()
    found = (_read(each / FILE) for each in (resolved, *resolved.parents))
    return next((each for each in found if each is not None), None)


def own() -> Project:
    """This package with its own tables: in its repository, or where it is installed for the working directory."""
    found = _read(_ENGINE.parent / FILE)
    return found if found and found.package == _ENGINE.name else Project(_working_directory(), _ENGINE.name)


def _at(folder: Path) -> Project:
    found = _read(folder.resolve() / FILE)
    if found is None:
        do = f'Name a folder whose {FILE} has [tool.lakehouse] package = "...", or unset {VARIABLE}'
        raise SettingsError(f"{VARIABLE}={folder} is no project", where="settings", do=do)
    return found


def _read(file: Path) -> Project | None:
    """The project that a file describes; None where it describes none, or is not there."""
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot be read: {error}", where=str(file), do="Mend this file") from error
    ours = _table(said, "tool", "lakehouse")
    if not ours:
        return None
    package = ours.get("package")
    if not isinstance(package, str) or not package.isidentifier():
        do = 'Name the package with the layers: [tool.lakehouse] package = "my_lake"'
        raise SettingsError(f"its [tool.lakehouse] names no package: {package!r}", where=str(file), do=do)
    paths = _table(said, "tool", "pytest", "ini_options").get("testpaths") or [_TESTS]
    return Project(file.parent, package, paths[0] if isinstance(paths, list) else str(paths).split()[0])


def _table(said: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        said = said.get(name, {})
    return said if isinstance(said, dict) else {}


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise SettingsError("the working directory is gone", where="settings", do="Change to another one") from error
