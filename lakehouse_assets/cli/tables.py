"""Commands about tables: where their rows come from, and what was accepted as lost."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Table as RichTable

from lakehouse_assets.errors import LakehouseError, UnavailableError
from lakehouse_assets.settings import Settings, load

if TYPE_CHECKING:
    from lakehouse_assets.engine.history.ledger import Ledger
    from lakehouse_assets.engine.history.position import Position
    from lakehouse_assets.engine.sources.planning import Acceptance
    from lakehouse_assets.engine.table import Table
    from lakehouse_assets.engine.upkeep.maintenance import Upkeep

TABLE = Annotated[str, typer.Argument(help="A table's key, e.g. gold/sales/daily_revenue", metavar="TABLE")]
_TEXTS = frozenset({"topic id", "dropped", "file", "etag"})


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(provenance)
    app.command()(accept)
    app.command()(maintain)


def provenance(
    table: TABLE,
    version: Annotated[int | None, typer.Option(help="A Delta version; the newest by default")] = None,
) -> None:
    """Show the exact Kafka offsets, or dropped files, in a version of a table."""
    from lakehouse_assets.engine.history.lake import Lake
    from lakehouse_assets.engine.history.provenance import by_source, ledger_at
    from lakehouse_assets.engine.project import registry

    tables = registry().tables
    lake, known = Lake(started()), next((each for each in tables if each.key == table), None)
    found = ledger_at(lake, table, version)
    for origin, position in by_source(lake, known, found.position).items():
        Console(soft_wrap=True).print(ranges(table, found, position, origin))


def ranges(key: str, ledger: Ledger, position: Position, origin: str = "") -> RichTable:
    """A position, or what it says of one source, as a table for people."""
    from lakehouse_assets.engine.history.provenance import ranges as provenance_of

    stated = f"position stated by version {ledger.position_version}" if ledger.position else "no position yet"
    of = f", {origin}" if origin else ""
    shown = RichTable(title=f"{key} version {ledger.version}{of} ({stated})", title_justify="left")
    headings, rows = provenance_of(position)
    for column in headings:
        shown.add_column(column, justify="left" if column in _TEXTS else "right", overflow="fold")
    for row in rows:
        shown.add_row(*row)
    return shown


def accept(
    table: TABLE,
    rule: Annotated[list[str] | None, typer.Option(help="A rule that the next batch may break", metavar="NAME")] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Only try once more: it was mended elsewhere")] = False,
) -> None:
    """Let a held table go on: a loss is known, with --rule a broken rule, with --retry what it failed on is mended."""
    from lakehouse_assets.engine.history import acceptances, holds
    from lakehouse_assets.engine.sessions import connect

    settings = started()
    if retry:
        holds.clear(settings, known_table(table).key)
        Console(soft_wrap=True).print(f"{table}: its next batch is tried as if it were the first time.", markup=False)
        return
    session = connect(settings, str(uuid4()))
    try:
        if rule:
            acceptances.record_rules(session, settings, known_table(table), rule, by=getpass.getuser())
            said = "The next batch may break " + ", ".join(rule) + "."
        else:
            said = explain(acceptances.record(session, settings, known_table(table), by=getpass.getuser()))
    finally:
        session.stop()
    Console(soft_wrap=True).print(f"{table}: accepted. {said}", markup=False)


def maintain(
    table: Annotated[str | None, typer.Argument(help="A table's key; all tables by default", metavar="TABLE")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done")] = False,
) -> None:
    """Compact crowded days and delete files that no kept version needs; exit code 1 when something was not done."""
    from lakehouse_assets.engine.history.lake import Lake
    from lakehouse_assets.engine.project import registry
    from lakehouse_assets.engine.sessions import connect
    from lakehouse_assets.engine.upkeep.maintenance import maintain as upkeep
    from lakehouse_assets.engine.writing.engine import Engine

    settings, run_id, tables = started(), str(uuid4()), registry().tables
    chosen = [known_table(table)] if table else tables
    session = connect(settings, run_id)
    try:
        engine = Engine(settings, Lake(settings), session, run_id)
        done = [each for one in chosen for each in upkeep(engine, one, tables, dry_run=dry_run)]
    finally:
        session.stop()
    Console(soft_wrap=True).print(kept(done, dry_run=dry_run))
    raise typer.Exit(int(any(each.skipped for each in done)))


def kept(done: Sequence[Upkeep], *, dry_run: bool) -> str:
    """What maintenance did, one line a table."""
    said = [each.line for each in done] or ["There is no table yet."]
    return "\n".join(["Nothing is done; this is what would be:", *said] if dry_run else said)


def explain(accepted: Acceptance) -> str:
    """What an acceptance means, in words."""
    if not accepted.topic_id:
        return "It goes on from the position its rows stand for."
    lost = ", ".join(f"partition {part.partition} offsets {part.start} to {part.end - 1}" for part in accepted.lost)
    onward = ", ".join(f"{partition} at {offset}" for partition, offset in sorted(accepted.resume.items()))
    return f"Lost: {lost or 'no known offsets'}. Topic id {accepted.topic_id} goes on with partition {onward}."


def started() -> Settings:
    """The settings, once there is a store to read from.

    Raises:
        UnavailableError: nothing was ever started in this state folder.
    """
    settings = load()
    if settings.embedded_s3 and not settings.s3_endpoint:
        raise UnavailableError("nothing was started here yet", where=str(settings.home), do="Run `lakehouse up`")
    return settings


def known_table(key: str) -> Table:
    """The table of this key.

    Raises:
        LakehouseError: there is none; names those there are.
    """
    from lakehouse_assets.engine.project import registry

    tables = {table.key: table for table in registry().tables}
    if key in tables:
        return tables[key]
    known = ", ".join(tables) or "(this project has none yet)"
    raise LakehouseError("there is no such table", where=key, do=f"Give one of: {known}")
