"""The demo with each of the other ways to run the services; the independent checker has the last word."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2
import pytest
from pyspark.sql import SparkSession

from lakehouse_assets.engine.spark import connect
from lakehouse_assets.services import endpoints
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import load
from lakehouse_assets_tests import PROJECT
from lakehouse_assets_tests.services import secrets

pytestmark = [pytest.mark.services, pytest.mark.slow]
ROWS = 20_000
DEMO_TIMEOUT_SECONDS = 900
LAKEHOUSE = "from lakehouse_assets.cli import main; main()"


@dataclass
class House:
    """A home, and commands that run in it as a person would run them."""

    home: Path

    def cli(self, *words: str, **environment: str) -> str:
        """The output of `lakehouse <words>`."""
        return self._run("-c", LAKEHOUSE, *words, **environment)

    def demo(self) -> None:
        """Replays records and waits for gold; the services stay up."""
        self.cli("demo", "--rows", str(ROWS), "--once", "--keep", "--json", self._json, "--manifest", self._manifest)

    def check(self) -> str:
        """What the independent checker says, which knows the store only by `lakehouse env`."""
        exports = [shlex.split(line)[1].partition("=") for line in self.cli("env").splitlines()]
        environment = {name: value for name, _, value in exports}
        module = "lakehouse_assets_tests.oracle.check"
        return self._run("-m", module, "--json", self._json, "--manifest", self._manifest, **environment)

    @property
    def stack(self) -> Stack:
        return Stack(load(home=self.home))

    @property
    def _json(self) -> str:
        return str(self.home / "demo.json")

    @property
    def _manifest(self) -> str:
        return str(self.home / "manifest.jsonl")

    def _run(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, "LAKEHOUSE_HOME": str(self.home), "PYTHONPATH": str(PROJECT), **environment},
            capture_output=True,
            text=True,
            timeout=DEMO_TIMEOUT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout


@pytest.fixture
def house(monkeypatch) -> Iterator[House]:
    made = House(Path(tempfile.mkdtemp(prefix="lakehouse-external-")))
    monkeypatch.setenv("LAKEHOUSE_HOME", str(made.home))
    try:
        yield made
    finally:
        made.stack.down()
        shutil.rmtree(made.home, ignore_errors=True)


def test_the_demo_on_a_cluster_of_two_workers(house, monkeypatch):
    """The Spark Connect server computes on the workers' executors, and master and workers come back from a kill."""
    monkeypatch.setenv("LAKEHOUSE_SPARK_WORKERS", "2")
    house.demo()

    assert f"all promises hold for {ROWS} records" in house.check()
    session = connect(load(), "00000000-0000-4000-8000-000000000001")
    assert session.conf.get("spark.master").startswith("spark://127.0.0.1:")
    assert len(executors(house)) == 2
    for program in ("spark-worker-1", "spark-master"):
        os.kill(house.stack.pid(program), signal.SIGKILL)
        assert table_rows(session) > 0
    session.stop()
    kept = endpoints.read(house.stack.home)
    assert secrets.shown(house.stack, secrets.of(kept)) == []


def test_the_demo_with_passwords_for_kafka_and_dagster_in_postgresql(house, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_EMBEDDED_KAFKA_SECURITY", "SASL_SSL")
    monkeypatch.setenv("LAKEHOUSE_EMBEDDED_POSTGRES", "true")
    house.demo()

    assert f"all promises hold for {ROWS} records" in house.check()
    kept = endpoints.read(house.stack.home)
    assert runs_in(kept.postgres_url) > 0
    assert not list((house.home / "dagster").rglob("runs.db"))
    assert secrets.shown(house.stack, secrets.of(kept)) == []
    assert not [secret for secret in secrets.of(kept) if secret in everything_in(kept.postgres_url)]
    assert "postgres" in house.cli("status")


def test_services_that_the_environment_names_are_not_started_a_second_time(house):
    """Given one home whose services run, another one takes Kafka, S3 and Spark from the environment alone."""
    house.cli("up")
    exports = [shlex.split(line)[1].partition("=") for line in house.cli("env").splitlines()]
    named = {name: value for name, _, value in exports if name not in ("LAKEHOUSE_HOME", "DAGSTER_HOME")}
    other = House(Path(tempfile.mkdtemp(prefix="lakehouse-other-")))
    try:
        said = other.cli("up", **named)
        running = {each.program for each in other.stack.status() if each.pid}
    finally:
        other.stack.down()
        shutil.rmtree(other.home, ignore_errors=True)

    for name in ("kafka", "s3", "spark"):
        assert any(line.startswith(name) and "none is started here" in line for line in said.splitlines())
    assert running == {"code", "workers", "webserver", "daemon"}


def executors(house: House) -> list[psutil.Process]:
    return [each for each in house.stack.leftovers() if "CoarseGrainedExecutorBackend" in " ".join(each.cmdline())]


def table_rows(session: SparkSession) -> int:
    return session.sql(f"SELECT * FROM delta.`s3a://{load().bucket}/silver/sales/transactions`").count()


def runs_in(url: str) -> int:
    return int(query(url, "SELECT count(*) FROM runs")[0][0])


def everything_in(url: str) -> str:
    """Every row of every table of the database as text."""
    tables = [name for (name,) in query(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return "\n".join(str(query(url, f'SELECT t::text FROM "{name}" t')) for name in tables)


def query(url: str, statement: str) -> list[tuple]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()
