"""How far each table is behind its source, as `lakehouse status` shows it."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings


def show(settings: Settings, console: Console) -> None:
    """Prints one line per table; says why where it cannot."""
    from lakehouse_assets.definitions import TABLES
    from lakehouse_assets.engine.progress import snapshot

    try:
        progress = snapshot(settings, TABLES)
    except UnavailableError as error:
        console.print(f"[yellow]No lag to show:[/] {error}")
        return
    shown = RichTable(title="Tables against their source", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("table", "version", "taken in", "lag", "unit"):
        shown.add_column(column, justify="left" if column in ("table", "unit") else "right", no_wrap=True)
    for each in progress:
        version = "-" if each.version < 0 else str(each.version)
        lag = f"[{'green' if not each.lag else 'yellow'}]{each.lag:,}"
        shown.add_row(each.key, version, f"{each.taken:,}", lag, each.unit)
    console.print(shown)
