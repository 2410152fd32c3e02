"""What the demo shows on the terminal: bars while it works, a table at the end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from lakehouse_assets.demo import watch
from lakehouse_assets.demo.transactions import Lines
from lakehouse_assets.engine.grids import Partition, ordered
from lakehouse_assets.engine.sources.file_versions import parse


class RateColumn(ProgressColumn):
    """Records a second."""

    def render(self, task: Task) -> Text:
        """The task's speed, blank before the first records."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def bars(console: Console) -> Progress:
    """Progress bars with count, rate and time left; silent when the console is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


@contextmanager
def sending(console: Console, rows: int) -> Iterator[Callable[[int], None]]:
    """A bar for the replay; yields what is to be called with each number of delivered records."""
    with bars(console) as progress:
        task = progress.add_task("replay to Kafka", total=rows)
        yield lambda count: progress.advance(task, count)


@contextmanager
def catching_up(console: Console) -> Iterator[watch.Show]:
    """A bar for each table over what it was behind its source at first."""
    with bars(console) as progress:
        tasks: dict[str, Any] = {}

        def show(tables: Sequence[watch.Progress]) -> None:
            for table in tables:
                if table.key not in tasks:
                    tasks[table.key] = progress.add_task(table.key, total=max(1, table.lag))
                whole = progress.tasks[tasks[table.key]].total or 1
                progress.update(tasks[table.key], completed=max(0, whole - table.lag))

        yield show


def span(lines: Lines) -> str:
    """From when to when the year's lines are dated, as the tables show it."""
    first, last = (datetime.fromtimestamp(int(each), UTC) for each in (lines.time.min(), lines.time.max()))
    moved = f"the dates of 2017, moved by {lines.dates.weeks} weeks" if lines.dates.weeks else "as recorded"
    return f"The year is dated {first:%Y-%m-%d} to {last:%Y-%m-%d}, {moved}."


def next_steps(days: Collection[Partition]) -> str:
    """Which days the transactions are of, and a command that shows what their rebuild would touch."""
    if not days:
        return "No transaction is published."
    first, *_, last = [*ordered(days), max(days, key=str)]
    named = f"{first}..{last}"
    return f"The transactions are of {named}: try `lakehouse backfill silver/sales/transactions {named} --dry-run`."


def summary(result: dict[str, Any]) -> Table:
    """The result as a table: asset, rows, days, quarantined, seconds; below it bronze's positions."""
    table = Table(Column("asset", no_wrap=True), title="What the tables hold now", box=box.SIMPLE_HEAD)
    for name in ("rows", "days", "quarantined", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in result["tables"]:
        numbers = [f"{row[name]:,}" for name in ("rows", "partitions", "quarantined")]
        table.add_row(row["asset"], *numbers, f"{result['seconds'][row['asset']]:.1f}")
    positions = [f"{row['asset']} {ends(row['position'])}" for row in result["tables"] if is_bronze(row["asset"])]
    table.caption = "\n".join(["position, the next offset of each partition:", *positions])
    return table


def is_bronze(key: str) -> bool:
    """Only bronze's position is shown: the layers above have the same one when they have caught up."""
    return key.startswith("bronze/")


def ends(position: Sequence[dict[str, Any]]) -> str:
    """The next offset of each partition of the newest topic, `partition:offset`; how many for file versions."""
    if position and parse(position[-1]["topic_id"]):
        return f"{len(position)} file{'s' * (len(position) > 1)}"
    newest = position[-1]["partitions"] if position else {}
    return " ".join(f"{partition}:{ranges[-1][1]}" for partition, ranges in newest.items())
