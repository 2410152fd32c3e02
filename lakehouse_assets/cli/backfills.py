"""`lakehouse backfill` and `lakehouse replay`: days of a table anew, or what was set aside of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from lakehouse_assets.cli.tables import TABLE, known_table, started
from lakehouse_assets.errors import LakehouseError

if TYPE_CHECKING:
    from lakehouse_assets.engine.grids import Partition
    from lakehouse_assets.engine.history.lake import Size
    from lakehouse_assets.engine.orchestration.backfills import Preview
    from lakehouse_assets.engine.table import Table
    from lakehouse_assets.settings import Settings

DAYS = Annotated[
    str, typer.Argument(help="2017-03-01, 2017-03-01..2017-03-30, several by comma, all, or stale", metavar="DAYS")
]
POLL_SECONDS = 1.0


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(backfill)
    app.command()(replay)


def backfill(
    table: TABLE,
    days: DAYS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would touch")] = False,
    downstream: Annotated[bool, typer.Option(help="Rebuild the tables that live on it, too")] = True,
    wait: Annotated[bool, typer.Option(help="Show progress until it ends; exit code 1 when it fails")] = True,
) -> None:
    """Rebuild days of a table, and of those that live on it, in the running Dagster."""
    from lakehouse_assets.engine.flow import below
    from lakehouse_assets.engine.history.lake import Lake
    from lakehouse_assets.engine.orchestration import backfills
    from lakehouse_assets.engine.project import registry

    console, asked, settings = Console(soft_wrap=True), known_table(table), started()
    lake = Lake(settings)
    wanted = backfills.parse_days(days, lake, asked)
    tables = [asked, *(below(asked, registry().tables) if downstream else ())]
    if days == backfills.STALE and (unknown := backfills.stale_days(lake, asked).unknown):
        said = "the log that named the code which computed them was cleaned up"
        console.print(f"{len(unknown)} of {len(wanted)} days may be stale: {said}.")
    if not wanted:
        console.print(f"{table}: no day is {days}. Nothing to do.")
        return
    if days in (backfills.ALL, backfills.STALE):
        asked_for, held = wanted, backfills.held_by(lake, tables)
        wanted = backfills.bridged(asked.grid, wanted, held, settings.max_rows_per_piece)
        if more := len(wanted) - len(asked_for):
            console.print(f"{more} days between them are rebuilt along: that costs less than more runs.")
    planned = backfills.planned(lake, tables, wanted)
    console.print(shown([backfills.preview(lake, each, parts) for each, parts in planned.items()]))
    if dry_run:
        return
    launched = backfills.launch(settings, planned)
    console.print(f"Backfill {launched}: {settings.dagster_url}/runs/b/{launched}")
    if wait and not _watch(settings, launched, planned, console):
        raise typer.Exit(1)


def replay(
    table: TABLE,
    days: DAYS = "all",
    wait: Annotated[bool, typer.Option(help="Wait until it ends; exit code 1 when it fails")] = True,
) -> None:
    """Try what a table has set aside once more, in the running Dagster: rows that meet the contract now are merged."""
    from lakehouse_assets.engine.history.lake import Lake
    from lakehouse_assets.engine.orchestration import backfills

    console, asked, settings = Console(soft_wrap=True), known_table(table), started()
    quarantine, lake = asked.set_aside, Lake(settings)
    if quarantine is None or not quarantine.is_replayed:
        raise LakehouseError("only a silver table's quarantine can be replayed", where=table, do="Rebuild it instead")
    held = lake.rows_by_day(quarantine.key)
    wanted = tuple(day for day in backfills.parse_days(days, lake, asked) if day in held)
    if not wanted:
        console.print(f"{quarantine.key}: nothing is set aside on {days}.")
        return
    before = sum(held[day] for day in wanted)
    launched = backfills.launch(settings, {quarantine: wanted})
    console.print(f"{before:,} rows of {len(wanted)} days: {settings.dagster_url}/runs/b/{launched}")
    if not wait:
        return
    done = _wait(settings, launched, console)
    left = lake.rows_by_day(quarantine.key)
    remain = sum(left.get(day, 0) for day in wanted)
    console.print(f"{before - remain:,} rows meet the contract now; {remain:,} stay set aside.")
    raise typer.Exit(int(not done))


def _wait(settings: Settings, backfill_id: str, console: Console) -> bool:
    """Whether it succeeded."""
    from lakehouse_assets.engine.orchestration import backfills

    with console.status("replaying") as status:
        while not (now := backfills.progress(settings, backfill_id)).ended:
            status.update(now.shown)
            time.sleep(POLL_SECONDS)
    return now.succeeded


def shown(previews: list[Preview]) -> RichTable:
    """Previews as a table for people."""
    first = previews[0]
    runs = ", ".join(f"{begin} to {end}" if begin != end else str(begin) for begin, end in first.runs[:3])
    more = f" and {len(first.runs) - 3} more" if len(first.runs) > 3 else ""
    plural = "run" if len(first.runs) == 1 else "runs"
    title = f"{len(first.days)} {first.table.grid.unit}s in {len(first.runs)} {plural}: {runs}{more}"
    found = RichTable(title=title, title_justify="left")
    for column in ("table", "reads", "replaces"):
        found.add_column(column, justify="left" if column == "table" else "right")
    for each in previews:
        reads = "what its source still holds" if each.table.append_only else amount(each.read)
        replaces = "nothing: adds what is missing" if each.table.append_only else amount(each.replaced)
        found.add_row(each.table.key, reads, replaces)
    return found


def amount(size: Size) -> str:
    """Rows and bytes as people write them."""
    mebibytes = size.bytes / 2**20
    return f"{size.rows:,} rows, {mebibytes:,.1f} MiB" if mebibytes >= 0.1 else f"{size.rows:,} rows, {size.bytes:,} B"


def _task(wanted: Mapping[Table, Sequence[Partition]]) -> str:
    """What the numbers beside the bar count."""
    asked, days = next(iter(wanted.items()))
    if len(wanted) == 1:
        return f"{asked.grid.unit.capitalize()}s rebuilt"
    return f"{len(days)} {asked.grid.unit}s of {len(wanted)} tables, rebuilt"


def _watch(settings: Settings, backfill_id: str, wanted: Mapping[Table, Sequence[Partition]], console: Console) -> bool:
    """Shows how many days are committed until the backfill ends; whether it succeeded."""
    from lakehouse_assets.engine.history.lake import Lake
    from lakehouse_assets.engine.orchestration import backfills

    lake, columns = Lake(settings), (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TextColumn("{task.fields[status]}"), TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(_task(wanted), total=sum(map(len, wanted.values())), status="requested")
        while True:
            now = backfills.progress(settings, backfill_id)
            done = sum(len(backfills.rebuilt(lake, table, now.runs) & {*days}) for table, days in wanted.items())
            bar.update(task, completed=done, status=now.shown)
            if now.ended:
                break
            time.sleep(POLL_SECONDS)
    if now.error:
        console.print(f"[red]{now.error}")
    return now.succeeded
