"""`lakehouse demo`: real transactions from Kafka to gold, with one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(demo)


def demo(
    rows: Annotated[int, typer.Option(help="Records to replay, faulty ones included", min=1)] = 20_000,
    once: Annotated[bool, typer.Option("--once", help="Stop everything when the tables have caught up")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the services up at the end")] = False,
    seed: Annotated[int, typer.Option(help="Decides which records are faulty")] = 7,
    rate: Annotated[float, typer.Option(help="Records a second after the replay", min=0.1)] = 20.0,
    dates: Annotated[
        Literal["recent", "original"],
        typer.Option(help="Whether the year ends yesterday, its weekdays kept, or is 2017; the first demo decides"),
    ] = "recent",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result as JSON", metavar="FILE")] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Append what was sent, one JSON line a record", metavar="FILE")
    ] = None,
) -> None:
    """Replay real retail transactions to Kafka and watch them reach gold.

    The first demo sends the newest days of a year that ends yesterday, or up to six days before. Data outlives the
    demo: the next one goes on from the tables of the last, with days before those.
    """
    try:
        from lakehouse_assets.demo.run import Options, run

        options = Options(
            rows=rows,
            seed=seed,
            once=once,
            keep=keep,
            rate=rate,
            dates=dates,
            json_file=json_file,
            manifest=manifest,
        )
        code = run(options)
    except KeyboardInterrupt:
        code = INTERRUPTED
    raise typer.Exit(code)
