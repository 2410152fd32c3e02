"""Two Spark drivers append to one table at once: conditional puts lose no commit, Delta's own log store does."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from deltalake import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakehouse_assets.access import s3
from lakehouse_assets.access import spark as access
from lakehouse_assets.engine.spark import connect
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.services import endpoints
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import load

pytestmark = [pytest.mark.services, pytest.mark.slow]
APPENDS = 10
ROUNDS = 12
"""Races until a commit is lost: two drivers on two cores may miss each other for a while."""
DELTAS_OWN = "io.delta.storage.S3SingleDriverLogStore"


@contextmanager
def lakehouse(*services: str):
    """A home of its own in which these services run; the environment says where all others are."""
    home = Path(tempfile.mkdtemp(prefix="lakehouse-race-"))
    running = Stack(load(home=home, spark_heap="1g", spark_cores=1))
    try:
        running.up(*services)
        yield running
    finally:
        running.down()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def two_drivers(monkeypatch, request, tmp_path):
    """A store and two Spark servers; the second one's only word of the store are AWS's variables and a profile."""
    monkeypatch.setattr(access, "LOG_STORE", request.param)
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    with ExitStack() as running:
        first = running.enter_context(lakehouse("s3", "spark"))
        kept = endpoints.read(first.home)
        profile = f"[mine]\naws_access_key_id={kept.s3_access_key}\naws_secret_access_key={kept.s3_secret_key}\n"
        (tmp_path / "keys").write_text(profile)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
        monkeypatch.setenv("AWS_PROFILE", "mine")
        monkeypatch.setenv("AWS_ENDPOINT_URL", kept.s3_endpoint)
        s3._chain.cache_clear()
        second = running.enter_context(lakehouse("spark"))
        assert "s3" in second.elsewhere
        yield load(), [load(home=each.home.root) for each in (first, second)]


def race(settings, servers) -> tuple[int, int]:
    """(appends that were acknowledged, rows in the table as delta-rs counts them)."""
    uri = f"s3a://{settings.bucket}/race-{uuid4().hex[:8]}"
    sessions = [connect(server, str(uuid4())) for server in servers]
    one_row(sessions[0], -1).write.format("delta").save(uri)
    with ThreadPoolExecutor(len(sessions)) as pool:
        acknowledged = sum(pool.map(lambda session: append_all(session, uri), sessions))
    for session in sessions:
        session.stop()
    table = DeltaTable(uri.replace("s3a:", "s3:"), storage_options=s3.delta_rs(settings))
    return acknowledged + 1, table.count()


def append_all(session: SparkSession, uri: str) -> int:
    acknowledged = 0
    for number in range(APPENDS):
        with suppress(PySparkException):
            one_row(session, number).write.format("delta").mode("append").save(uri)
            acknowledged += 1
    return acknowledged


def one_row(session: SparkSession, number: int):
    return session.sql(f"SELECT {number} AS number")


@pytest.mark.parametrize("two_drivers", [access.LOG_STORE], indirect=True)
def test_no_acknowledged_commit_is_lost(two_drivers):
    acknowledged, rows = race(*two_drivers)

    assert rows == acknowledged == 2 * APPENDS + 1


@pytest.mark.parametrize("two_drivers", [DELTAS_OWN], indirect=True)
def test_deltas_own_log_store_loses_commits_and_is_refused(two_drivers, monkeypatch):
    settings, servers = two_drivers
    rounds = (race(settings, servers) for _ in range(ROUNDS))

    assert any(rows < acknowledged for acknowledged, rows in rounds)
    monkeypatch.undo()
    with pytest.raises(SettingsError, match=r"S3SingleDriverLogStore.*would lose commits.*ConditionalPutLogStore"):
        connect(servers[0], "00000000-0000-4000-8000-000000000000")
