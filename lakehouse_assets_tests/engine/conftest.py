"""Fixtures of the engine's tests: settings of the session's services, one Spark session, one lab for each test."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from lakehouse_assets.engine.spark import connect
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab

settings.register_profile(
    "engine", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
settings.load_profile("engine")


@pytest.fixture(scope="session")
def services(stack):
    """The settings of the session's services, also for what loads its settings itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(stack.settings.home))
        yield load()


@pytest.fixture(scope="session")
def spark(services):
    session = connect(services.spark_remote, str(uuid4()))
    yield session
    session.stop()


@pytest.fixture
def lab(services, spark) -> Lab:
    """A topic of one partition and tables that do not exist yet."""
    return Lab(services, spark).create_topic()
