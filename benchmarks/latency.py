"""From a record on the topic to the row in gold: 200 new rows on a warm system, median of 10, split into its parts.

    python -m benchmarks.latency

Starts a lakehouse of its own with the running Dagster daemon, and ends with the independent check of every record.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from dagster import DagsterEventType
from rich.console import Console
from rich.table import Table

from lakehouse_assets.engine.orchestration.pipelines import SESSION_READY
from lakehouse_assets.services.stack import Stack
from lakehouse_assets_tests.faults.site import Site, until

ROWS = 200
ROUNDS = 10
WARM_UP_ROUNDS = 3
PARTS = ("tick", "process start", "session", "Spark", "commit", "total")


def main() -> None:
    """Runs the benchmark and prints medians in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LAKEHOUSE_HOME"] = folder
        stack = Stack(Path(folder))
        stack.up()
        try:
            site = Site(stack, Path(folder) / "manifest.jsonl")
            rounds = [one_round(site) for _ in range(WARM_UP_ROUNDS + ROUNDS)][WARM_UP_ROUNDS:]
            site.wait_caught_up()
            site.check()
        finally:
            stack.down()
    show(rounds)


def one_round(site: Site) -> dict[str, float]:
    """Seconds of each part for one batch."""
    known = set(site.runs())
    site.send(ROWS)
    sent = time.time()
    run_id, _, _ = site.next_process(known)
    until(lambda: site.runs()[run_id].is_finished, 120, "the run to end")
    parts = split(site, run_id, sent)
    site.wait_caught_up()
    return parts


def split(site: Site, run_id: str, sent: float) -> dict[str, float]:
    """Seconds from the last record's acknowledgement to gold's commit, by what they were spent on."""
    with site.instance as instance:
        record = instance.get_run_record_by_id(run_id)
        entries = instance.all_logs(run_id)
    assert record is not None
    created = record.create_timestamp.timestamp()
    steps = [entry.timestamp for entry in entries if _is(entry, DagsterEventType.STEP_START)]
    ended = [entry.timestamp for entry in entries if _is(entry, DagsterEventType.STEP_SUCCESS)][-1]
    session = sum(_session_seconds(entry.user_message) for entry in entries)
    commit = sum(_commit_seconds(entries, asset) for asset in _assets(entries))
    return {
        "tick": created - sent,
        "process start": steps[0] - created,
        "session": session,
        "Spark": ended - steps[0] - session - commit,
        "commit": commit,
        "total": ended - sent,
    }


def _is(entry: object, kind: DagsterEventType) -> bool:
    return entry.is_dagster_event and entry.dagster_event_type == kind  # type: ignore[attr-defined]


def _session_seconds(message: str) -> float:
    return float(message.removeprefix(SESSION_READY).split()[0]) if message.startswith(SESSION_READY) else 0.0


def _materializations(entries: list) -> list:  # type: ignore[type-arg]
    return [entry.asset_materialization for entry in entries if entry.asset_materialization]


def _assets(entries: list) -> set:  # type: ignore[type-arg]
    return {event.asset_key for event in _materializations(entries)}


def _commit_seconds(entries: list, asset: object) -> float:  # type: ignore[type-arg]
    event = next(event for event in _materializations(entries) if event.asset_key == asset)
    return float(event.metadata["commit_seconds"].value)


def show(rounds: list[dict[str, float]]) -> None:
    """Prints the medians."""
    shown = Table(title=f"{ROWS} new rows from topic to gold, seconds, {len(rounds)} rounds", title_justify="left")
    for column in ("part", "median", "least", "most"):
        shown.add_column(column, justify="left" if column == "part" else "right")
    for part in PARTS:
        values = [each[part] for each in rounds]
        shown.add_row(part, *(f"{value:.2f}" for value in (statistics.median(values), min(values), max(values))))
    Console().print(shown)


if __name__ == "__main__":
    main()
