"""Commands that read: the rows of a table or view, and the catalog of all of them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from lakehouse_assets.cli.tables import TABLE, started
from lakehouse_assets.settings import PROJECT

CATALOG = PROJECT / "docs" / "catalog.md"


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(show)
    app.command()(catalog)


def show(
    table: TABLE,
    limit: Annotated[int, typer.Option(help="Most rows to show", min=1)] = 20,
    where: Annotated[str, typer.Option(help='A SQL condition over its columns, e.g. "orders > 10"')] = "",
) -> None:
    """Show rows of a table, a view or a quarantine; reads without Spark."""
    from lakehouse_assets import serve

    started()
    found = serve.read(table, where=where, limit=limit)
    shown = RichTable(title=f"{table} ({found.num_rows} rows shown)", title_justify="left")
    for name in found.column_names:
        shown.add_column(name, overflow="fold")
    for row in found.to_pylist():
        shown.add_row(*(escape(cell(value)) for value in row.values()))
    Console().print(shown)


def cell(value: object) -> str:
    """One value for people; binary as its size, a list or a map without brackets."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(" ".join(map(str, each)) if isinstance(each, tuple) else str(each) for each in value)
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def catalog(
    write: Annotated[bool, typer.Option("--write", help="Write docs/catalog.md instead of printing it")] = False,
) -> None:
    """Print what is known of every table: grain, source, owner, columns, rules, freshness."""
    from lakehouse_assets.definitions import TABLES, VIEWS
    from lakehouse_assets.engine.display import catalog as pages

    text = pages.catalog((*TABLES, *VIEWS))
    if not write:
        typer.echo(text, nl=False)
        return
    CATALOG.write_text(text)
    Console(soft_wrap=True).print(f"Wrote {CATALOG}")
