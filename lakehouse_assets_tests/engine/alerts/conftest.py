"""Fixtures of the alerts' tests: receivers that are up, and a bench."""

from __future__ import annotations

import pytest
from dagster import DagsterInstance

from lakehouse_assets.engine.alerts import watches
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.alerts.bench import Bench
from lakehouse_assets_tests.engine.alerts.receivers import Hook, Mail


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    """A home of its own; nothing waits, and no source or store is asked."""
    monkeypatch.setattr(watches, "REMOTE", {})
    return Settings(
        home=tmp_path,
        dagster_url="http://ui",
        alerts_settle_seconds=0,
        retry_base_seconds=0.01,
        retry_cap_seconds=0.02,
    )


@pytest.fixture
def bench(settings, monkeypatch):
    """Dagster's database in memory, which is quicker and knows no sensors."""
    quick = {name: watch for name, watch in watches.QUICK.items() if name != "sensors"}
    monkeypatch.setattr(watches, "QUICK", quick)
    with DagsterInstance.ephemeral() as instance:
        yield Bench(instance, settings)


@pytest.fixture
def disk_bench(settings):
    """Dagster's database on disk, one file for each run and an index."""
    (settings.home / "dagster").mkdir()
    with DagsterInstance.local_temp(str(settings.home / "dagster")) as instance:
        yield Bench(instance, settings)


@pytest.fixture
def mail():
    with Mail().up() as mail:
        yield mail


@pytest.fixture
def hook():
    with Hook().up() as hook:
        yield hook
