"""Code versions: which code computed a table's rows, and which of its days another version computed."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from lakehouse_assets.engine.history.ledger import Commit


def code_version(function: Callable[..., Any], contract: str = "") -> str:
    """Digest of a contract's version and of the module that holds `function`; comments and layout don't count.

    What the module imports from elsewhere is not part of it.
    """
    module = inspect.getmodule(function)
    return digest(contract, ast.dump(ast.parse(inspect.getsource(module or function))))


def digest(*parts: str) -> str:
    """A version that changes when a part does."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def stale_days(commits: Iterable[Commit], days: Iterable[date], code: str) -> tuple[date, ...]:
    """Those of `days` that hold rows of another code version; `commits` is the table's history, newest first.

    A rebuild computes a whole day; an increment only adds to it, so the older commits of the day count as well.
    A day that the history no longer names was computed by an unknown version: it is stale.
    """
    undecided, stale = set(days), set[date]()
    for commit in commits:
        statement = commit.statement
        if not undecided or statement is None or statement.kind == "acceptance":
            continue
        touched = undecided.intersection(statement.days)
        if statement.code != code:
            stale |= touched
            undecided -= touched
        elif statement.kind == "rebuild":
            undecided -= touched
    return tuple(sorted(stale | _never_named(undecided, commits)))


def _never_named(undecided: set[date], commits: Iterable[Commit]) -> set[date]:
    named = {day for commit in commits if commit.statement for day in commit.statement.days}
    return undecided - named
