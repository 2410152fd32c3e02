"""Commands about Kafka's topics: make one for a try, list those there are, send it a record."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings, load

if TYPE_CHECKING:
    from lakehouse_assets.access.topics import Topic

NAME = Annotated[str, typer.Argument(help="The topic, e.g. sales.payments", metavar="NAME")]


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    group = typer.Typer(help="Make, list and feed Kafka topics.", no_args_is_help=True)
    group.callback()(_topics)
    group.command("create")(create)
    group.command("list")(listing)
    group.command("send")(send)
    app.add_typer(group, name="topics")


def _topics() -> None:
    """Make, list and feed Kafka topics."""


def create(
    name: NAME,
    partitions: Annotated[int, typer.Option(help="How many partitions", min=1)] = 1,
    replication: Annotated[int, typer.Option(help="Copies of each partition", min=1)] = 1,
    retention_hours: Annotated[float, typer.Option(help="How long records are kept; -1 for ever", min=-1)] = -1,
) -> None:
    """Make a topic; says so, and changes nothing, where it exists already."""
    from lakehouse_assets.access import topics

    settings, console = _with_broker(), Console(soft_wrap=True)
    retention_ms = -1 if retention_hours < 0 else int(retention_hours * 3_600_000)
    made = topics.create(settings, name, partitions, replication=replication, retention_ms=retention_ms)
    plural = "partition" if made.partitions == 1 else "partitions"
    said = "made" if made.new else "exists already; nothing was changed"
    console.print(f"topic {escape(name)}: {said}, {made.partitions} {plural}.", highlight=False)


def listing() -> None:
    """List the topics, their partitions and how many offsets each holds."""
    from lakehouse_assets.access import topics

    Console().print(listed(topics.known(_with_broker())))


def listed(found: list[Topic]) -> RichTable:
    """One line for each topic."""
    shown = RichTable(title=f"Topics: {len(found)}", title_justify="left")
    shown.add_column("topic", overflow="fold")
    for column in ("partitions", "offsets"):
        shown.add_column(column, justify="right")
    for each in found:
        shown.add_row(escape(each.name), str(each.partitions), f"{each.offsets:,}")
    return shown


def send(
    name: NAME,
    values: Annotated[
        list[str] | None, typer.Argument(help="Records; without any, each line of standard input is one")
    ] = None,
    key: Annotated[str, typer.Option(help="The key of each record; none without")] = "",
    make: Annotated[bool, typer.Option("--create", help="Make the topic first, where it is missing")] = False,
) -> None:
    """Send records to a topic that exists, and wait until the broker has them."""
    from lakehouse_assets.access import topics

    given = [value.encode() for value in values] if values else _lines()
    settings = _with_broker()
    if make:
        topics.create(settings, name, 1)
    sent = topics.send(settings, name, given, key.encode() or None)
    plural = "record" if sent == 1 else "records"
    Console(soft_wrap=True).print(f"topic {escape(name)}: {sent:,} {plural} sent.", highlight=False)


def _lines() -> list[bytes]:
    return [line.rstrip(b"\r\n") for line in sys.stdin.buffer if line.strip()]


def _with_broker() -> Settings:
    """The settings, once there is a broker to ask.

    Raises:
        UnavailableError: nothing was ever started in this state folder.
    """
    settings = load()
    if not settings.kafka_bootstrap:
        raise UnavailableError("nothing was started here yet", where=str(settings.home), do="Run `lakehouse up`")
    return settings
