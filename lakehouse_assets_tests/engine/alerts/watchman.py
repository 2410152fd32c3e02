"""A process of its own that does rounds over a bench until it is killed."""

from __future__ import annotations

import time
from multiprocessing.synchronize import Event
from pathlib import Path

from dagster import DagsterInstance

from lakehouse_assets.engine.alerts import rounds, watches
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.alerts.bench import TABLES


def watch(home: Path, ready: Event) -> None:
    """Rounds without a pause; says when the first one begins."""
    watches.REMOTE = {}
    settings = Settings(home=home, alerts_settle_seconds=0, retry_base_seconds=0.05, retry_cap_seconds=0.2)
    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        ready.set()
        while True:
            rounds.round_of(instance, settings, TABLES)
            time.sleep(0.01)
