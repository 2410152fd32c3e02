"""A lakehouse of its own with a running Dagster daemon: send records, catch runs in flight, kill, wait, check."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster import DagsterEventType, DagsterInstance, DagsterRun
from deltalake import DeltaTable

from lakehouse_assets.definitions import TABLES
from lakehouse_assets.demo import producer, transactions
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.kinds import EventTable
from lakehouse_assets.engine.kinds.kafka import TOPIC_TAG
from lakehouse_assets.engine.orchestration.progress import snapshot
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import Settings, load
from lakehouse_assets_tests.faults import repeats
from lakehouse_assets_tests.oracle.check import Report, check
from lakehouse_assets_tests.oracle.reading import SOURCES
from lakehouse_assets_tests.oracle.stock import Stock, assert_stock

TOPIC = "sales.transactions"
CATCH_UP_SECONDS = 240.0
SECONDS_TO_RECONCILE = 60.0


def until(condition: Callable[[], Any], seconds: float, what: str, poll_seconds: float = 0.2) -> Any:
    """The first true value of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(poll_seconds)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


@dataclass
class Site:
    """One lakehouse with its daemon."""

    stack: Stack
    manifest: Path
    seed: int = 7
    lines: transactions.Lines = field(default_factory=transactions.load)

    @property
    def settings(self) -> Settings:
        return load()

    @property
    def instance(self) -> DagsterInstance:
        return DagsterInstance.from_config(str(self.stack.settings.home / "dagster"))

    @property
    def storage_options(self) -> dict[str, str]:
        settings = self.settings
        return {
            "AWS_ENDPOINT_URL": settings.s3_endpoint,
            "AWS_ACCESS_KEY_ID": settings.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": settings.s3_secret_key.get_secret_value(),
            "AWS_REGION": settings.s3_region,
            "AWS_ALLOW_HTTP": "true",
        }

    def send(self, rows: int) -> None:
        producer.produce(self.settings, self.lines, rows, seed=self.seed, manifest=self.manifest)

    def runs(self) -> dict[str, DagsterRun]:
        with self.instance as instance:
            found = instance.get_runs()
        return {run.run_id: run for run in found if run.tags.get(TOPIC_TAG) == TOPIC}

    def next_process(self, known: set[str]) -> tuple[str, int, float]:
        """(run id, process id, start) of the first new run's worker."""
        return until(lambda: self._process(known), 60, "a new run")

    def _process(self, known: set[str]) -> tuple[str, int, float] | None:
        for run_id in self.runs().keys() - known:
            if found := self.process_of(run_id):
                return run_id, *found
        return None

    def process_of(self, run_id: str) -> tuple[int, float] | None:
        """(process id, start) of a run's worker, once it has reported."""
        with self.instance as instance:
            for entry in instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT):
                shown = entry.get_dagster_event().engine_event_data.metadata.get("pid")
                if shown is not None:
                    return int(shown.value), entry.timestamp
        return None

    def kill_next_run(self, known: set[str], after_seconds: float) -> str:
        """Kills the next run's process so long after its start; what it was doing then."""
        run_id, pid, started = self.next_process(known)
        return self.kill_at(run_id, pid, started + after_seconds)

    def kill_at(self, run_id: str, pid: int, instant: float) -> str:
        """Kills a run's process at a time; what it was doing then."""
        time.sleep(max(0.0, instant - time.time()))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self.phase(run_id)

    def phase(self, run_id: str) -> str:
        """The last step event of a run."""
        with self.instance as instance:
            events = [e.get_dagster_event() for e in instance.all_logs(run_id) if e.is_dagster_event]
        stepped = [event for event in events if event.step_key]
        return f"{stepped[-1].step_key} {stepped[-1].event_type_value}" if stepped else "before the first step"

    def wait_caught_up(self, seconds: float = CATCH_UP_SECONDS) -> None:
        until(self._caught_up, seconds, "every table to catch up", poll_seconds=1.0)
        until(self._idle, 60, "the last run to end")

    def _idle(self) -> bool:
        return all(run.is_finished for run in self.runs().values())

    def _caught_up(self) -> bool:
        with suppress(UnavailableError):
            return all(table.lag == 0 for table in snapshot(self.settings, TABLES))
        return False

    def check(self) -> Report:
        """The independent check of every record ever sent."""
        root = f"s3://{self.settings.bucket}"
        for table in TABLES:
            if isinstance(table, EventTable):
                self.stock(table)
        repeats.account_for(self.settings, TOPIC, self.manifest)
        return check({key: f"{root}/{key}" for key in SOURCES}, [self.manifest], self.storage_options)

    def stock(self, table: EventTable) -> Stock:
        """Every record that the table has taken in has exactly one place."""
        root, slices = f"s3://{self.settings.bucket}", Lake(self.settings).ledger(table.key).position.slices()
        position = {(part.topic_id, part.partition): part.end for part in slices}
        return assert_stock(f"{root}/{table.source.key}", f"{root}/{table.key}", position, self.storage_options)

    def assert_consistent(self) -> None:
        """Every record counted once, and Dagster shows exactly the days that hold rows."""
        self.wait_caught_up()
        self.check()
        self.wait_days_shown()

    def wait_days_shown(self) -> None:
        until(lambda: not self.days_differ(), SECONDS_TO_RECONCILE, "Dagster's days to equal the tables'")

    def days_differ(self) -> dict[str, set[str]]:
        """Days on which Dagster and a table disagree, by table."""
        differences = {}
        with self.instance as instance:
            for table in TABLES:
                shown = instance.get_materialized_partitions(table.asset_key)
                if difference := set(shown) ^ self.days(table.key):
                    differences[table.key] = difference
        return differences

    def days(self, key: str) -> set[str]:
        """The days that hold rows, by delta-rs."""
        address = f"s3://{self.settings.bucket}/{key}"
        if not DeltaTable.is_deltatable(address, storage_options=self.storage_options):
            return set()
        table = DeltaTable(address, storage_options=self.storage_options)
        return {part["event_date"] for part in table.partitions()}
