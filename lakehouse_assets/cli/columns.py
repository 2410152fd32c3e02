"""`lakehouse columns`: a column dropped for good, or renamed with its values."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from rich.console import Console

from lakehouse_assets.cli.tables import TABLE, known_table, started
from lakehouse_assets.errors import LakehouseError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakehouse_assets.settings import Settings

COLUMN = Annotated[str, typer.Argument(help="A column that the model no longer has", metavar="COLUMN")]


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    group = typer.Typer(help="Drop or rename a column of a table of silver or gold.", no_args_is_help=True)
    group.callback()(_columns)
    group.command()(drop)
    group.command()(rename)
    app.add_typer(group, name="columns")


def _columns() -> None:
    """Drop or rename a column of a table of silver or gold."""


def drop(
    table: TABLE, column: COLUMN, yes: Annotated[bool, typer.Option("--yes", help="For scripts: do not ask")] = False
) -> None:
    """Take a column out of a table, with its values; the table is rewritten once."""
    from lakehouse_assets.engine.writing import columns

    if not yes and not typer.confirm(f"Drop {column} of {table}, with its values?"):
        raise LakehouseError("nothing is dropped", where=table, do="Answer y, or give --yes")
    with _spark() as (spark, settings):
        done = columns.drop(spark, settings, known_table(table), column, getpass.getuser())
    Console(soft_wrap=True).print(f"{table}: {column} is dropped by version {done.version}.", markup=False)


def rename(
    table: TABLE,
    column: COLUMN,
    to: Annotated[str, typer.Argument(help="The name that the model has for it now", metavar="NAME")],
) -> None:
    """Give a column its new name, and the rows so far their values under it; the table is rewritten once."""
    from lakehouse_assets.engine.writing import columns

    with _spark() as (spark, settings):
        done = columns.rename(spark, settings, known_table(table), column, to, getpass.getuser())
    Console(soft_wrap=True).print(f"{table}: {column} is {to} since version {done.version}.", markup=False)


@contextmanager
def _spark() -> Iterator[tuple[SparkSession, Settings]]:
    from lakehouse_assets.engine.sessions import connect

    settings = started()
    session = connect(settings, str(uuid4()))
    try:
        yield session, settings
    finally:
        session.stop()
