"""Imported by the server that forks watchmen, before the first one: what a round imports late takes a second."""

from __future__ import annotations

import tempfile
from pathlib import Path

import apprise
from dagster import DagsterInstance

from lakehouse_assets.engine.alerts import rounds, watches
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.alerts.bench import TABLES

watches.REMOTE = {}
for url in ("json://127.0.0.1", "mailto://127.0.0.1?from=a@example.org&to=b@example.org"):
    apprise.Apprise.instantiate(url)
with tempfile.TemporaryDirectory() as folder, DagsterInstance.local_temp(folder) as instance:
    rounds.round_of(instance, Settings(home=Path(folder)), TABLES)
