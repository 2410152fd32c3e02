"""`lakehouse upgrade`: a table of an earlier release brought to the fast way of writing."""

from __future__ import annotations

from uuid import uuid4

import typer
from rich.console import Console

from lakehouse_assets.cli.tables import TABLE, known_table, started


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(upgrade)


def upgrade(table: TABLE) -> None:
    """Drop from a table of an earlier release what keeps runs from writing small batches themselves."""
    from lakehouse_assets.engine.history.lake import Lake
    from lakehouse_assets.engine.sessions import connect
    from lakehouse_assets.engine.upkeep import upgrading
    from lakehouse_assets.engine.writing.engine import Engine

    settings, run_id, known = started(), str(uuid4()), known_table(table)
    session = connect(settings, run_id)
    try:
        done = [*upgrading.upgrade(Engine(settings, Lake(settings), session, run_id), known)]
    finally:
        session.stop()
    said = [each.line for each in done] or [f"{table}: there is no table yet"]
    Console(soft_wrap=True).print("\n".join(said), markup=False)
    raise typer.Exit(int(any(each.kept for each in done)))
