"""Commands about the machine: start, stop and look after the embedded services."""

from __future__ import annotations

import shlex
import signal
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table as RichTable

from lakehouse_assets.cli.lag import duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakehouse_assets.services.stack import Stack, Status
    from lakehouse_assets.settings import Settings

COLOURS = {
    "RUNNING": "green",
    "STARTING": "yellow",
    "BACKOFF": "red",
    "FATAL": "red",
    "EXITED": "red",
    "EXTERNAL": "cyan",
}


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    for command in (up, down, status, doctor, env):
        app.command()(command)


def up(
    foreground: Annotated[
        bool, typer.Option("--foreground", "-f", help="Stay, and stop everything on Ctrl-C or TERM")
    ] = False,
) -> None:
    """Start Kafka, S3, Spark and Dagster, those that no setting places elsewhere, and print the address of the UI."""
    from lakehouse_assets.settings import load

    console, stack = Console(soft_wrap=True), _stack()
    _start(stack, console)
    console.print(Panel.fit(f"Dagster  [bold]{load().dagster_url}[/]", title="up", border_style="green"))
    console.print("It has no login: who reaches this port operates everything. docs/security.md puts one before it.")
    if foreground:
        _stay(stack, console)


def down() -> None:
    """Stop everything that `up` started; data and credentials stay."""
    console, stack = Console(soft_wrap=True), _stack()
    was_running = stack.supervisor.alive()
    with console.status("Stopping the services"):
        ended = stack.down()
    if ended:
        console.print(f"Ended {ended} processes that their supervisor had left behind.")
    stopped = "Stopped. " if was_running or ended else ""
    console.print(f"{stopped}Nothing of {stack.home.root} is running.")


def status() -> None:
    """Show each service; each table's rows, last increment, lag behind its topic and quarantined rows."""
    from lakehouse_assets.cli import lag
    from lakehouse_assets.settings import load

    console = Console()
    with console.status("Asking the services whether they answer"):
        found = _stack().status()
    if not any(each.pid for each in found):
        console.print("Nothing is running. Start it by `lakehouse up`.")
        return
    console.print(_table(found))
    if workers := _workers(_stack()):
        console.print(workers)
    with console.status("Reading the tables' logs and how far their sources are"):
        lag.show(load(), console)


def doctor() -> None:
    """Check the machine and say what to mend; exit code 1 when something must be."""
    from lakehouse_assets.cli.doctor import Verdict, examine

    console = Console(soft_wrap=True)
    findings = list(examine(_stack()))
    for each in findings:
        console.print(f"[{each.verdict.value}]{each.verdict.name.lower():5}[/] {each.what}: {each.found}")
        if each.do:
            console.print(f"      {each.do}.")
    raise typer.Exit(int(any(each.verdict is Verdict.FAIL for each in findings)))


def env() -> None:
    """Print shell exports that point other readers here; the only command that prints credentials."""
    from lakehouse_assets.settings import load

    for name, value in exports(load()).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def exports(settings: Settings) -> dict[str, str]:
    """Environment variables for delta-rs, DuckDB, the AWS command line, Spark Connect, Kafka's clients and Dagster."""
    from lakehouse_assets.access import postgres, s3, spark

    store = {"AWS_DEFAULT_REGION": settings.s3_region, "AWS_ALLOW_HTTP": "true"}
    everything = {
        "LAKEHOUSE_HOME": str(settings.home),
        "LAKEHOUSE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        **_sign_in(settings),
        "LAKEHOUSE_BUCKET": settings.bucket,
        **spark.environment(settings),
        **store,
        **s3.delta_rs(settings),
        "DAGSTER_HOME": str(settings.home / "dagster"),
        **postgres.environment(settings),
    }
    return {name: value for name, value in everything.items() if value}


def _sign_in(settings: Settings) -> dict[str, str]:
    """How Kafka's clients sign in; nothing for a broker that everybody may use."""
    if settings.kafka_security_protocol == "PLAINTEXT":
        return {}
    return {
        "LAKEHOUSE_KAFKA_SECURITY_PROTOCOL": settings.kafka_security_protocol,
        "LAKEHOUSE_KAFKA_SASL_MECHANISM": settings.kafka_sasl_mechanism,
        "LAKEHOUSE_KAFKA_SASL_USERNAME": settings.kafka_sasl_username,
        "LAKEHOUSE_KAFKA_SASL_PASSWORD": settings.kafka_sasl_password.get_secret_value(),
        "LAKEHOUSE_KAFKA_SSL_CA": str(settings.kafka_ssl_ca or ""),
    }


def _stack() -> Stack:
    from lakehouse_assets.services.stack import Stack
    from lakehouse_assets.settings import load

    return Stack(load())


def _start(stack: Stack, console: Console) -> None:
    """Start, showing what each service is doing; Ctrl-C or TERM meanwhile stops everything."""
    signal.signal(signal.SIGTERM, _interrupt)
    doing: dict[str, str] = {}
    with console.status("Starting") as shown:

        def progress(service: str, now: str) -> None:
            doing[service] = now
            if now != "starting":
                console.print(f"{service:8} {now}", highlight=False)
            waiting = [name for name, what in doing.items() if what == "starting"]
            shown.update(f"Starting {', '.join(waiting)}")

        try:
            stack.up(progress=progress)
        except KeyboardInterrupt:
            stack.down()
            raise


def _stay(stack: Stack, console: Console) -> None:
    console.print("Ctrl-C stops everything.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("Stopping the services.")
    finally:
        stack.down()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _workers(stack: Stack) -> str:
    """What the warm workers for runs are doing; nothing where there is none."""
    from lakehouse_assets.engine.orchestration.workers.messages import ask
    from lakehouse_assets.services.dagster import Dagster

    service = stack.service(Dagster.name)
    found = ask(service.pool, ask="status") if isinstance(service, Dagster) else None
    return "" if found is None else _said(found["workers"], len(found["waiting"]))


def _said(workers: Sequence[Mapping[str, Any]], waiting: int) -> str:
    """A word for each worker; a run that goes on says more than how warm its worker is."""
    words = [f"{each['pid']} {'has a run' if each['run'] else each['warm'] or each['state']}" for each in workers]
    more = f"; {waiting} runs wait" if waiting else ""
    return f"Workers for runs: {', '.join(words) or 'none'}{more}"


def _table(found: list[Status]) -> RichTable:
    shown = RichTable(title="Services", title_justify="left")
    for column in ("program", "state", "answers", "pid", "up for", "port"):
        shown.add_column(column, justify="left" if column in ("program", "state", "answers") else "right")
    for each in found:
        state = f"[{COLOURS.get(each.state, 'dim')}]{each.state.lower()}[/]"
        answers = "[green]yes[/]" if each.healthy else "[red]no[/]"
        numbers = (str(each.pid or "-"), duration(each.uptime_seconds), str(each.port or "-"))
        shown.add_row(each.program, state, answers, *numbers)
    return shown
