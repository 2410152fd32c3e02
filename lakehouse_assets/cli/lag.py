"""What each table holds and how far it is behind its source, as `lakehouse status` shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from lakehouse_assets.engine.orchestration.progress import Holding, TableProgress


def show(settings: Settings, console: Console) -> None:
    """Prints one line per table; says why where it cannot."""
    try:
        progress, held, waiting = _asked(settings)
    except UnavailableError as error:
        console.print(f"[yellow]No lag to show:[/] {error}")
        return
    console.print(rendered(progress, held))
    for line in waiting:
        console.print(f"[yellow]{escape(line)}[/]", highlight=False, soft_wrap=True)
    for each in progress:
        if each.waits is not None:
            console.print(f"[yellow]{each.key}:[/] {each.waits}", soft_wrap=True)


def _asked(settings: Settings) -> tuple[list[TableProgress], dict[str, Holding], list[str]]:
    """How far the tables are, what they hold, and which wait: asked side by side, they wait for other services.

    Raises:
        UnavailableError: a source or the store does not answer.
    """
    from lakehouse_assets.engine.history.lake import Lake
    from lakehouse_assets.engine.orchestration import progress
    from lakehouse_assets.engine.project import registry

    tables = registry().tables
    with ThreadPoolExecutor() as pool:
        far = pool.submit(progress.snapshot, settings, tables)
        held = pool.submit(progress.holdings, Lake(settings), tables)
        waiting = pool.submit(progress.waiting, settings, tables)
        return far.result(), held.result(), waiting.result()


def rendered(progress: Sequence[TableProgress], held: Mapping[str, Holding]) -> RichTable:
    """One line per table: rows, age of the newest increment, lag, quarantined rows."""
    title = "Tables: rows, time since the last increment, offsets or files to go"
    shown = RichTable(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("table", overflow="fold")
    for column in ("rows", "last", "lag", "quarantined"):
        shown.add_column(column, justify="right", no_wrap=True)
    for each in progress:
        shown.add_row(each.label, *_numbers(each, held[each.key]))
    return shown


def _numbers(each: TableProgress, holding: Holding) -> tuple[str, str, str, str]:
    unit = "" if each.unit == "offsets" else f" {each.unit}"
    lag = f"[{'green' if not each.lag else 'yellow'}]{each.lag:,}{unit}[/]"
    lag = "[dim]no topic yet[/]" if each.waits_for_source else lag
    if each.version < 0:
        return "-", "-", lag, "-"
    last = "-" if holding.age_seconds is None else duration(max(1.0, holding.age_seconds))
    return f"{holding.rows:,}", last, lag, f"{holding.quarantined:,}"


def duration(seconds: float) -> str:
    """Seconds as people write them: `42 s`, `3 min`, `5 h`, `2 d`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds else "-"
