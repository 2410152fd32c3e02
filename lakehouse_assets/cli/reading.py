"""Commands that read: the rows of a table or view, and the catalog of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lakehouse_assets import project
from lakehouse_assets.cli.tables import TABLE, started
from lakehouse_assets.errors import LakehouseError

SHOWN_ROWS = 20
CATALOG = Path("docs", "catalog.md")
"""Where a project keeps its own."""


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(show)
    app.command()(catalog)


def show(
    table: TABLE,
    limit: Annotated[int | None, typer.Option(help="Most rows; 20 to look at, else all", min=1)] = None,
    where: Annotated[str, typer.Option(help='A condition, as DataFusion\'s SQL, e.g. "orders > 10"')] = "",
    columns: Annotated[str, typer.Option(help="Only these columns, in this order, by comma")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="A header and one line a row")] = False,
) -> None:
    """Show rows of a table, a view or a quarantine; reads without Spark. Wide rows are shown as blocks."""
    from lakehouse_assets.cli import rows
    from lakehouse_assets.reading import read

    started()
    most = limit or (None if as_json or as_csv else SHOWN_ROWS)
    with Console(stderr=True).status(f"Reading {table}"):
        found = read(table, where=where, limit=most and most + 1)
    has_more = most is not None and found.num_rows > most
    found = found.slice(0, most)
    if columns:
        found = found.select(chosen(table, columns, found.column_names))
    if as_json or as_csv:
        typer.echo(rows.as_json(found) if as_json else rows.as_csv(found), nl=False)
        if has_more:
            typer.echo(f"{found.num_rows} rows; there are more, beyond --limit.", err=True)
        return
    console, more = Console(), "; there are more, see --limit" if has_more else ""
    console.print(rows.shown(f"{table} ({found.num_rows} rows shown{more})", found, console.width))


def chosen(table: str, columns: str, known: Sequence[str]) -> list[str]:
    """The names of a list by comma.

    Raises:
        LakehouseError: one of them is no column; names those there are.
    """
    names = [name.strip() for name in columns.split(",") if name.strip()]
    if missing := [name for name in names if name not in known]:
        raise LakehouseError(f"there is no column {missing[0]!r}", where=table, do=f"Give some of: {', '.join(known)}")
    return names


def catalog(
    write: Annotated[bool, typer.Option("--write", help="Write docs/catalog.md instead of printing it")] = False,
) -> None:
    """Print what is known of every table: grain, source, owner, columns, rules, freshness."""
    from lakehouse_assets.engine.display import catalog as pages
    from lakehouse_assets.engine.project import registry

    found = registry()
    text = pages.catalog((*found.tables, *found.views))
    if not write:
        typer.echo(text, nl=False)
        return
    path = project.current().root / CATALOG
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    Console(soft_wrap=True).print(f"Wrote {path}")
