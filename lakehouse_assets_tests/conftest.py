"""The session's services: one broker, one S3 server and one Spark server for every test that asks for `stack`.

`LAKEHOUSE_TESTS_HOME` names the state folder of services that run already: they are used, and left running.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from lakehouse_assets.engine.spark import connect
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import load
from lakehouse_assets_tests.oracle.stock import WATCHED


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Kafka, S3 and Spark in a home of their own, stopped at the end whatever happens."""
    running = os.environ.get("LAKEHOUSE_TESTS_HOME")
    home = Path(running or tempfile.mkdtemp(prefix="lakehouse-tests-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(home))
        patch.setenv("LAKEHOUSE_RETRY_BASE_SECONDS", "1")
        patch.setenv("LAKEHOUSE_ALERTS_WARN_HOLD_SECONDS", "20")
        patch.setenv("LAKEHOUSE_MAX_ROWS_PER_PIECE", "5000")
        services = Stack(home)
        if running:
            yield services
            return
        try:
            services.up("kafka", "s3", "spark")
            yield services
        finally:
            services.down()
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def every_record_has_one_place() -> Iterator[None]:
    """At the end of every test, of all tables that it has made."""
    WATCHED.clear()
    yield
    for assert_stock in WATCHED:
        assert_stock()


@pytest.fixture(scope="session")
def services(stack):
    """The settings of the session's services, also for what loads its settings itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(stack.settings.home))
        yield load()


@pytest.fixture(scope="session")
def spark(services):
    session = connect(services, str(uuid4()))
    yield session
    session.stop()
