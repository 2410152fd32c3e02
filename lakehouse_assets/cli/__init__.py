"""The `lakehouse` command. Each module registers its own commands and imports what is heavy inside them."""

from __future__ import annotations

import typer

from lakehouse_assets.cli import (
    alerts,
    backfills,
    columns,
    demo,
    machine,
    new,
    reading,
    resets,
    tables,
    topics,
    upgrades,
)
from lakehouse_assets.errors import LakehouseError

app = typer.Typer(
    help="A lakehouse of Dagster assets: Kafka offsets in, Delta tables out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (machine, demo, tables, backfills, columns, upgrades, reading, resets, new, topics, alerts):
    module.register(app)


def main() -> None:
    """Run a command; an error of ours is one line, not a traceback."""
    try:
        app()
    except LakehouseError as error:
        typer.secho(f"error: {error}", fg=typer.colors.RED, err=True)
        raise SystemExit(1) from None
