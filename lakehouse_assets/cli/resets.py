"""`lakehouse reset`: a table, and what lives on it, from the beginning."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table as RichTable

from lakehouse_assets.cli.backfills import amount
from lakehouse_assets.cli.tables import TABLE, known_table, started
from lakehouse_assets.errors import LakehouseError

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from lakehouse_assets.engine.upkeep.resets import Doomed
    from lakehouse_assets.settings import Settings


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(reset)


def reset(
    table: TABLE,
    yes: Annotated[bool, typer.Option("--yes", help="For scripts: do not ask")] = False,
) -> None:
    """Delete a table and what lives on it, to start over: the next batch begins where LAKEHOUSE_FIRST_START says."""
    from lakehouse_assets.engine.history.lake import Lake
    from lakehouse_assets.engine.project import registry
    from lakehouse_assets.engine.upkeep import resets

    console, asked, settings = Console(soft_wrap=True), known_table(table), started()
    tables = resets.affected(asked, registry().tables)
    console.print(shown(resets.doomed(Lake(settings), tables)))
    if not yes:
        confirm(table)
    with instance_of(settings) as instance:
        deleted = resets.reset(settings, instance, tables)
    origins = " and ".join(each.origin for each in asked.sources)
    said = f"{deleted:,} objects are deleted. The next batch of {origins} fills what is gone."
    console.print(said, highlight=False)


def confirm(key: str) -> None:
    """Asks twice; the second time for the key itself.

    Raises:
        LakehouseError: the answer is another one. Nothing was deleted.
    """
    agreed = typer.confirm("Delete all of this? It cannot be brought back")
    if not agreed or typer.prompt("Type the table's key to delete it").strip() != key:
        do = "Type its key, or give --yes"
        raise LakehouseError("it was not asked for twice, so nothing is deleted", where=key, do=do)


def shown(found: Sequence[Doomed]) -> RichTable:
    """What goes, one line a table."""
    listed = RichTable(title="This is deleted", title_justify="left")
    listed.add_column("table", overflow="fold")
    for column in ("holds", "quarantined rows"):
        listed.add_column(column, justify="right")
    for each in found:
        listed.add_row(each.key, amount(each.size), f"{each.quarantined:,}")
    return listed


def instance_of(settings: Settings) -> DagsterInstance:
    """Dagster's instance of a state folder, as its own programs open it.

    Raises:
        LakehouseError: there is none.
    """
    from dagster import DagsterInstance

    from lakehouse_assets.access import postgres

    os.environ.update(postgres.environment(settings))
    folder = settings.home / "dagster"
    if not (folder / "dagster.yaml").exists():
        raise LakehouseError("Dagster was never started here", where=str(folder), do="Run `lakehouse up`")
    return DagsterInstance.from_config(str(folder))
