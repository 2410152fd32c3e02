"""From a record on the topic to the row in gold: 200 new rows on a warm system, median of 10, split into its parts.

    python -m benchmarks.latency [--rows N] [--rounds N]

Starts a lakehouse of its own with the running Dagster daemon, and ends with the independent check of every record.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from dagster import AssetMaterialization, DagsterEventType, DagsterInstance, EventLogEntry
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
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--warm-up", type=int, default=WARM_UP_ROUNDS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LAKEHOUSE_HOME"] = folder
        stack = Stack(Path(folder))
        stack.up()
        try:
            site = Site(stack, Path(folder) / "manifest.jsonl")
            rounds = [one_round(site, asked.rows) for _ in range(asked.warm_up + asked.rounds)][asked.warm_up :]
            site.wait_caught_up()
            site.check()
        finally:
            stack.down()
    show(rounds, asked.rows)


def one_round(site: Site, rows: int) -> dict[str, float]:
    """Seconds of each part for one batch."""
    known = set(site.runs())
    site.send(rows)
    sent = time.time()
    run_id, _, _ = site.next_process(known)
    until(lambda: site.runs()[run_id].is_finished, 120, "the run to end")
    with site.instance as instance:
        parts = split(instance, run_id, sent)
    site.wait_caught_up()
    return parts


def split(instance: DagsterInstance, run_id: str, sent: float) -> dict[str, float]:
    """Seconds from the last record's acknowledgement to gold's commit, by what they were spent on."""
    record, entries = instance.get_run_record_by_id(run_id), instance.all_logs(run_id)
    assert record is not None
    created = record.create_timestamp.timestamp()
    steps = [entry.timestamp for entry in entries if _is(entry, DagsterEventType.STEP_START)]
    ended = [entry.timestamp for entry in entries if _is(entry, DagsterEventType.STEP_SUCCESS)][-1]
    session = sum(_session_seconds(entry.user_message) for entry in entries)
    commit = commit_seconds(entries)
    return {
        "tick": created - sent,
        "process start": steps[0] - created,
        "session": session,
        "Spark": ended - steps[0] - session - commit,
        "commit": commit,
        "total": ended - sent,
    }


def _is(entry: EventLogEntry, kind: DagsterEventType) -> bool:
    return entry.is_dagster_event and entry.dagster_event_type == kind


def _session_seconds(message: str) -> float:
    return float(message.removeprefix(SESSION_READY).split()[0]) if message.startswith(SESSION_READY) else 0.0


def commit_seconds(entries: Sequence[EventLogEntry]) -> float:
    """What the commits of all tables took: one number a table, though each of its days has an event.

    A quarantine is written within the commit of its table and states no seconds of its own.
    """
    events = [entry.asset_materialization for entry in entries if entry.asset_materialization]
    by_table = {event.asset_key: seconds for event in events if (seconds := _stated(event)) is not None}
    return sum(by_table.values())


def _stated(event: AssetMaterialization) -> float | None:
    said = event.metadata.get("commit_seconds")
    return None if said is None else float(said.value)  # type: ignore[arg-type]


def show(rounds: list[dict[str, float]], rows: int) -> None:
    """Prints the medians."""
    shown = Table()
    for column in ("part", "median", "least", "most"):
        shown.add_column(column, justify="left" if column == "part" else "right")
    for part in PARTS:
        values = [each[part] for each in rounds]
        shown.add_row(part, *(f"{value:.2f}" for value in (statistics.median(values), min(values), max(values))))
    sys.stdout.write(f"{rows} new rows from topic to gold, seconds, {len(rounds)} rounds\n")
    Console().print(shown)


if __name__ == "__main__":
    main()
