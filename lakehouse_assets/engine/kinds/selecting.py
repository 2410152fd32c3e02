"""A table's rows by a function, or by one SELECT over the names of what it lives on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pyspark.sql import DataFrame

from lakehouse_assets.engine.contracts import Contract
from lakehouse_assets.engine.history.versions import code_version, digest
from lakehouse_assets.engine.table import Transform
from lakehouse_assets.engine.upstreams import Upstream
from lakehouse_assets.errors import ContractError

_BEGINS: Final = re.compile(r"\s*(SELECT|WITH)\b", re.IGNORECASE)


def sql_beside(file: str) -> str:
    """The text of the `.sql` file of the same name beside a table's file: `sql=sql_beside(__file__)`."""
    return Path(file).with_suffix(".sql").read_text()


def check(transform: Transform | None, sql: str, where: str, *, decodes: bool = False) -> None:
    """Lets a table pass that has a function or one SELECT; one whose source is decoded may have neither.

    Raises:
        ContractError: it has neither, or both, or something else than one SELECT.
    """
    if (transform is None) == (not sql) and not (decodes and transform is None):
        raise ContractError("it has no transform, or two", where=where, do="Give transform=... or sql=..., one of them")
    if sql and (not _BEGINS.match(sql) or sql.rstrip().endswith(";")):
        raise ContractError(
            "its sql is not one SELECT", where=where, do="Begin it with SELECT or WITH, and end it without a semicolon"
        )


def function_of(transform: Transform | None, sql: str, lives_on: Sequence[Upstream], explode: str = "") -> Transform:
    """The function, or what runs the SELECT, over frames as they are decoded; without either they are the rows.

    `explode` names an array in what is not looked up, of which each element is a row.
    """
    made = transform or (_selecting(sql, [each.table.name for each in lives_on]) if sql else _as_decoded)

    def function(*frames: DataFrame) -> DataFrame:
        given = zip(lives_on, frames, strict=True)
        return made(*(each.table.decoded(frame, "" if each.looked_up else explode) for each, frame in given))

    return function


def _as_decoded(rows: DataFrame, *_looked_up: DataFrame) -> DataFrame:
    return rows


def version_of(transform: Transform | None, sql: str, contract: Contract, decoders: Sequence[str] = ()) -> str:
    """Changes when the table's file, its SELECT, its contract or how its records are decoded does."""
    made = code_version(transform, contract.version) if transform else digest("sql", sql, contract.version)
    return digest(made, *decoders) if decoders else made


def _selecting(sql: str, names: Sequence[str]) -> Transform:
    """The SELECT with a common table expression for each frame: it is bound when it is planned, not when it runs."""
    given = ", ".join(f"{name} AS (SELECT * FROM {{{name}}})" for name in names)
    query = f"WITH {given} SELECT * FROM ({sql.replace('{', '{{').replace('}', '}}')})"

    def select(*frames: DataFrame) -> DataFrame:
        named: dict[str, Any] = dict(zip(names, frames, strict=True))
        return frames[0].sparkSession.sql(query, **named)

    return select
