"""The gate for names from outside: of fields in a payload, and of columns in a model.

The engine's own columns are either listed here, and refused as names of anything else, or begin with `OWN`, which
nothing else may.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import pyspark.sql.functions as F
from pyspark.sql import Column

from lakehouse_assets.engine.grids import PARTITION_COLUMNS
from lakehouse_assets.errors import ContractError

OWN = "__lakehouse_"
"""Begins the name of every helper column: no field and no column of a model can have such a name."""
RECORDS_OWN = frozenset({"topic_id", "partition", "offset", "unreadable", "undeclared", "absent"}) | PARTITION_COLUMNS
"""Columns that go from a record to its row beside the fields."""
EVENTS_OWN = RECORDS_OWN | {"content_hash", "losers", "reasons", "remarks"}
"""Columns of an event table beside those of its model."""
ANSWERS_OWN = frozenset({"reasons", "remarks"})
"""Columns that the engine adds to answers while it judges them."""
_UNHELD = re.compile(r"[\s,;{}()=.`'\"]")
"""What Delta takes in no column's name, and what has a meaning of its own in SQL."""


def own(name: str) -> str:
    """The name of a helper column."""
    return f"{OWN}{name}"


def quoted(name: str) -> str:
    """A column's name as SQL and `F.col` read it, whatever characters it has."""
    return "`" + name.replace("`", "``") + "`"


def column(name: str) -> Column:
    """The column of exactly this name."""
    return F.col(quoted(name))


def check(names: Iterable[str], reserved: Collection[str], where: str, do: str) -> None:
    """Lets names of columns pass that nothing else has.

    Raises:
        ContractError: names that are the engine's, that no table can have, or that differ by case alone.
    """
    given = [*names]
    folded = [name.lower() for name in given]
    wrong = {
        name
        for name, low in zip(given, folded, strict=True)
        if low in reserved or low.startswith(OWN) or folded.count(low) > 1
    }
    if wrong:
        raise ContractError(f"cannot have a column named {_listed(wrong)}: the name is taken", where=where, do=do)


def check_held(names: Iterable[str], where: str) -> None:
    """Lets names pass that a Delta table can have.

    Raises:
        ContractError: the others, named.
    """
    if wrong := {name for name in names if not name or _UNHELD.search(name)}:
        raise ContractError(
            f"a table can have no column named {_listed(wrong)}",
            where=where,
            do="Leave out white space, points, quotes and any of , ; { } ( ) =",
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)))
