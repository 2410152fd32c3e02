"""Code versions: which code computed a table's rows, and which of its days another version computed."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.ledger import Commit
from lakehouse_assets.engine.history.walking import standing


def code_version(function: Callable[..., Any], contract: str = "") -> str:
    """Digest of a contract's version and of the module that holds `function`; comments and layout don't count.

    What the module imports from elsewhere is not part of it. Of a declaration that can be called, what it declares.
    """
    declared = getattr(function, "__self__", None if inspect.isroutine(function) else function)
    if declared is not None:
        return digest(contract, repr(declared))
    module = inspect.getmodule(function)
    return digest(contract, ast.dump(ast.parse(inspect.getsource(module or function))))


def digest(*parts: str) -> str:
    """A version that changes when a part does."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Stale:
    """Days that another version of the code, or of what is looked up, computed, or may have."""

    other: frozenset[Partition] = frozenset()
    """The history names another version, of the code or of what it looks up."""
    unknown: frozenset[Partition] = frozenset()
    """The history that would name the version is gone: log clean-up took it."""

    @property
    def days(self) -> tuple[Partition, ...]:
        """All of them, in order."""
        return tuple(sorted(self.other | self.unknown))


NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
REBUILDS: Final = frozenset({"rebuild"})
"""What computes a whole day of a table that grows: an increment adds to it, a replay too."""
ANSWERS: Final = frozenset({"rebuild", "increment"})
"""What computes a whole day of a table of answers."""


def changed_at(commits: Iterable[Commit]) -> int:
    """The newest version of a table with which rows of it changed, by its history, newest first; -1 for none."""
    said = (each for each in commits if each.restored_to is not None or (each.statement and each.statement.days))
    return next((each.version for each in said), -1)


def stale(
    commits: Iterable[Commit],
    days: Iterable[Partition],
    code: str,
    whole: Collection[str] = REBUILDS,
    looked_up: Mapping[str, int] = NOTHING,
) -> Stale:
    """Those of `days` that hold rows of another code version; `commits` is the table's history, newest first.

    `looked_up` are the versions at which tables that it looks values up in have changed last: a day that read an older
    one is stale as well. `whole` are the kinds of commits that compute a whole day; whatever else a commit does adds to
    it, so that the older commits of the day count as well. Where the history ends before the first version, a day that
    no whole computation with this code was found of may have older rows of another one: it is stale.
    """
    undecided, other, named, oldest = set(days), set[Partition](), set[Partition](), -1
    for commit in standing(commits):
        statement, oldest = commit.statement, commit.version
        if statement is None or statement.kind == "acceptance":
            continue
        touched = undecided.intersection(statement.days)
        is_older = any(statement.version_of(key) < newest for key, newest in looked_up.items())
        if statement.code != code or is_older:
            other |= touched
        if statement.code != code or is_older or statement.kind in whole:
            undecided -= touched
        named.update(touched)
    unknown = undecided if oldest > 0 else undecided - named
    return Stale(frozenset(other), frozenset(unknown))
