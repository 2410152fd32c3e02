"""What a project's tests ask pytest for.

# tests/conftest.py
from lakehouse_assets.fixtures import spark

__all__ = ["spark"]
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from lakehouse_assets.engine.spark import connect
from lakehouse_assets.services.service import NotHealthyError
from lakehouse_assets.services.spark import reach
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import Settings, load


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A session for `check_events` and `check_answers`: on the project's own Spark where it runs.

    Otherwise a Spark server is started for the tests, with no other service, and stopped after them.
    `LAKEHOUSE_TESTS_HOME` names the state folder of services that run already elsewhere.
    """
    with _running() as settings:
        session = connect(settings, str(uuid4()))
        yield session
        session.stop()


@contextmanager
def _running() -> Iterator[Settings]:
    named = os.environ.get("LAKEHOUSE_TESTS_HOME")
    here = load(home=Path(named)) if named else load()
    if _answers(here):
        yield here
        return
    with tempfile.TemporaryDirectory(prefix="lakehouse-tests-") as folder:
        stack = Stack(Path(folder))
        try:
            stack.up("spark")
            yield load(home=Path(folder))
        finally:
            stack.down()


def _answers(settings: Settings) -> bool:
    if not settings.spark_remote:
        return False
    try:
        reach(settings.spark_remote, settings.spark_token.get_secret_value())
    except NotHealthyError:
        return False
    return True
