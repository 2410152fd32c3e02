"""`lakehouse new`: first drafts of a table's file and its test, ready to run and to be changed; and of a project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lakehouse_assets import project
from lakehouse_assets.cli import projects
from lakehouse_assets.cli.orders import Order
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.project import Project


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    group = typer.Typer(help="Write first drafts.", no_args_is_help=True)
    group.callback()(_drafts)
    group.command()(table)
    group.command()(projects.project)
    app.add_typer(group, name="new")


def _drafts() -> None:
    """Write first drafts."""


def table(
    key: Annotated[str, typer.Argument(help="layer/domain/table, e.g. gold/sales/daily_payments", metavar="KEY")],
    topic: Annotated[str, typer.Option(help="Bronze: the Kafka topic; a silver table is drafted, too")] = "",
    drop: Annotated[str, typer.Option(help="Bronze: the prefix below which CSV files are dropped; silver, too")] = "",
    source: Annotated[
        list[str], typer.Option("--from", help="The key of a table below; gold may have several, each after a --from")
    ] = [],  # noqa: B006
    kind: Annotated[str, typer.Option(help="Silver: events, or dimension for one row a key")] = "",
    grid: Annotated[str, typer.Option(help="Bronze and gold: by the hour, day, week or month")] = "",
    sql: Annotated[bool, typer.Option("--sql", help="Gold: by a SELECT instead of a function")] = False,
    fields: Annotated[
        str,
        typer.Option(help='The fields of a record, the grain first: "No: text, Paid: decimal(18,2), At: timestamp"'),
    ] = "",
) -> None:
    """Write a first draft of a table's file and its test; both run as they are."""
    order = Order(key, topic, drop, tuple(source), kind, grid, sql, fields)
    console = Console(soft_wrap=True)
    here = project.current()
    for path, text in write(here.root, drafted(order, here)).items():
        console.print(f"wrote {path} ({len(text.splitlines())} lines)", highlight=False, markup=False)
    console.print("Change columns, rules and transform; then `lakehouse catalog --write`.")


def drafted(order: Order, of: Project | None = None) -> dict[str, str]:
    """The drafts' text by path in a project, the one of this process without another.

    Raises:
        LakehouseError: the key or the options make no table; says which do.
    """
    order.check()
    from lakehouse_assets.cli import drafting, import_order

    of = of or project.current()
    texts = drafting.DRAFTS[order.layer](order, of)
    return {path: import_order.of_package(text, of.package) for path, text in texts.items()}


def write(root: Path, texts: Mapping[str, str]) -> Mapping[str, str]:
    """Writes the drafts, and an `__init__.py` in a folder that is new; none when one of them exists already.

    Raises:
        LakehouseError: a file is there already.
    """
    for path in texts:
        if (root / path).exists():
            raise LakehouseError("the file exists already", where=path, do="Choose another key, or change that file")
    for path, text in texts.items():
        _make_package((root / path).parent)
        (root / path).write_text(text)
    return texts


def _make_package(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(f'"""{folder.name.capitalize()}: one table a file."""\n')
