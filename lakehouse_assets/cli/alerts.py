"""Commands about alerts: what is open, what waits to be sent, who is told, and a test message."""

from __future__ import annotations

import getpass
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import load

if TYPE_CHECKING:
    from lakehouse_assets.engine.alerts.incidents import Incident
    from lakehouse_assets.engine.alerts.messages import Message
    from lakehouse_assets.engine.alerts.outbox import Waiting
    from lakehouse_assets.engine.alerts.routing import Routes

SEVERITIES = {"warn": "[yellow]warn[/]", "error": "[red]error[/]"}

ID_LENGTH = 6
"""So much of an incident's id is shown, and is enough to close it by."""

commands = typer.Typer(help="Show what is wrong now, and whom it is told.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    commands.callback(invoke_without_command=True)(listing)
    commands.command("test")(try_channels)
    commands.command()(routes)
    commands.command()(close)
    app.add_typer(commands, name="alerts")


def listing(context: typer.Context) -> None:
    """List open incidents and messages that no channel has accepted yet."""
    from lakehouse_assets.engine.alerts import routing
    from lakehouse_assets.engine.alerts.rounds import outbox_of

    if context.invoked_subcommand:
        return
    settings, console = load(), Console()
    outbox = outbox_of(settings)
    console.print(incidents_shown([*outbox.incidents().values()], time.time()))
    if waiting := outbox.waiting():
        console.print(waiting_shown(waiting, time.time()))
    if not routing.path(settings).exists():
        console.print(f"Nobody is told: there is no {escape(str(routing.path(settings)))}.", soft_wrap=True)
    elif unrouted := outbox.unrouted():
        console.print(f"{unrouted} messages wait until `lakehouse alerts routes` finds no fault.", soft_wrap=True)


def incidents_shown(found: Sequence[Incident], now: float) -> RichTable:
    """One line for each open incident, oldest first."""
    from lakehouse_assets.engine.alerts.messages import duration, partitions, says

    shown = RichTable(title=f"Open incidents: {len(found)}", title_justify="left")
    for column in ("id", "severity", "what", "days", "owner", "since"):
        shown.add_column(column, overflow="fold")
    for each in found:
        what = escape(f"{each.first.subject}: {says(each)}")
        since = duration(now - each.began_at)
        severity = SEVERITIES[each.first.severity]
        shown.add_row(each.id[:ID_LENGTH], severity, what, partitions(each), escape(each.first.owner), since)
    return shown


def waiting_shown(waiting: Sequence[Waiting], now: float) -> RichTable:
    """One line for each message that a channel has still to accept, in the order in which they go."""
    from lakehouse_assets.engine.alerts.messages import duration

    shown = RichTable(title=f"Waiting to be sent: {len(waiting)}", title_justify="left")
    for column in ("channel", "message", "age", "tries", "last try"):
        shown.add_column(column, overflow="fold")
    for each in waiting:
        age = duration(now - each.message.at)
        shown.add_row(each.channel, escape(each.message.title), age, str(each.tries), escape(each.why))
    return shown


def close(
    incident: Annotated[str, typer.Argument(help="The incident's id, as `lakehouse alerts` shows it", metavar="ID")],
    reason: Annotated[str, typer.Option(help="Why it is closed; told where its start was told", metavar="TEXT")],
) -> None:
    """Close an incident by hand. What goes on failing begins a new one."""
    from lakehouse_assets.engine.alerts import closing
    from lakehouse_assets.engine.alerts.messages import says
    from lakehouse_assets.engine.alerts.rounds import outbox_of

    settings = load()
    closed = closing.close(outbox_of(settings), incident, reason, getpass.getuser(), settings.dagster_url)
    said = f"{closed.id[:ID_LENGTH]} is closed: {closed.first.subject}: {says(closed)}."
    Console(soft_wrap=True).print(said, markup=False)


def try_channels(
    channel: Annotated[str | None, typer.Option(help="Only this channel; all of them by default")] = None,
) -> None:
    """Send a test message through each channel; exit code 1 when one was not accepted."""
    from lakehouse_assets.engine.alerts import channels

    console, known = Console(soft_wrap=True), _routes()
    chosen = [channel] if channel else [*known.urls]
    if missing := [name for name in chosen if name not in known.urls]:
        do = f"Give one of: {', '.join(known.urls) or 'none'}"
        raise LakehouseError("there is no such channel", where=missing[0], do=do)
    failed = 0
    for name in chosen:
        why = channels.send(known.urls[name], test_message())
        failed += bool(why)
        console.print(f"{escape(name)}: {f'[red]not accepted[/]: {escape(why)}' if why else '[green]accepted[/]'}")
    raise typer.Exit(int(failed > 0))


def test_message() -> Message:
    """A message that says that it is none."""
    from lakehouse_assets.engine.alerts.messages import Message

    now = time.time()
    body = "This is a test of `lakehouse alerts test`. Nothing is wrong."
    return Message(f"test-{now:.0f}", "test", "start", "[TEST] lakehouse alerts", body, "warn", now)


def routes() -> None:
    """Check the file of routes and show it; of a channel's URL only the kind."""
    from lakehouse_assets.engine.alerts import channels

    console, known = Console(), _routes()
    shown = RichTable(title="Channels", title_justify="left")
    shown.add_column("channel")
    shown.add_column("URL")
    for name, url in known.urls.items():
        shown.add_row(escape(name), escape(channels.shown(url)))
    console.print(shown)
    console.print(routes_shown(known))


def routes_shown(known: Routes) -> RichTable:
    """One line for each route, the default last."""
    shown = RichTable(title="Routes: every one that fits adds its channels", title_justify="left")
    for column in ("owner", "severity", "kinds", "tables", "channels", "reminds"):
        shown.add_column(column, overflow="fold")
    for each in known.routes:
        which = (each.owner, each.severity or "*", ", ".join(each.kinds) or "*", ", ".join(each.tables) or "*")
        shown.add_row(*map(escape, (*which, ", ".join(each.channels), _reminds(each.remind_hours))))
    rest = ("where none fits", "", "", "", ", ".join(known.default) or "nobody", _reminds(known.remind))
    shown.add_row(*map(escape, rest))
    return shown


def _reminds(hours: float) -> str:
    return f"every {hours:g} h" if hours else "never"


def _routes() -> Routes:
    """The routes.

    Raises:
        SettingsError: there is no file, or it cannot be understood.
    """
    from lakehouse_assets.engine.alerts import routing
    from lakehouse_assets.errors import SettingsError

    settings = load()
    known = routing.load(settings)
    if known is None:
        do = "Write one: docs/alerts.md has one to start from"
        raise SettingsError("there is no file of routes, so nobody is told", where=str(routing.path(settings)), do=do)
    return known
