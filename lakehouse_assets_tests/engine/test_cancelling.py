"""A run that ends early takes its Spark work with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.utils import make_new_run_id

from lakehouse_assets.engine.spark import SparkConnect

pytestmark = pytest.mark.services

BUSY_CORES = 0.4
SECONDS_TO_START, SECONDS_TO_STOP = 90.0, 30.0


@pytest.fixture
def instance(tmp_path, monkeypatch):
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with DagsterInstance.get() as instance:
        yield instance


@contextmanager
def long_run(run_id: str, executor: str = "alone"):
    """The process of a run whose step works for many minutes, once Spark is at work for it."""
    command = [sys.executable, "-m", "lakehouse_assets_tests.engine.long_run", run_id, executor]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def cores_used(pid: int) -> float:
    """How many cores the process keeps busy, over a second."""
    process = psutil.Process(pid)
    before, since = process.cpu_times(), time.monotonic()
    time.sleep(1.0)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / (time.monotonic() - since)


def wait_until(busy: bool, pid: int, seconds: float) -> None:
    """Three looks in a row agree: the collection of garbage and the start of a session are short."""
    deadline, agreed = time.monotonic() + seconds, 0
    while agreed < 3:
        agreed = agreed + 1 if (cores_used(pid) > BUSY_CORES) == busy else 0
        assert time.monotonic() < deadline, f"Spark is {'idle' if busy else 'busy'} after {seconds:.0f} s"


@pytest.mark.parametrize(
    ("executor", "number"),
    [("alone", signal.SIGINT), pytest.param("in_processes", signal.SIGTERM, marks=pytest.mark.slow)],
)
def test_a_cancelled_run_ends_its_spark_work_at_once(stack, services, spark, instance, executor, number):
    """Dagster cancels by a signal to the run's process; the step ends, the session closes, the server stops working."""
    run_id = make_new_run_id()
    with long_run(run_id, executor) as process:
        wait_until(True, stack.pid("spark"), SECONDS_TO_START)
        instance.report_run_canceling(instance.get_run_by_id(run_id))
        os.kill(process.pid, number)
        process.wait(SECONDS_TO_STOP)
        wait_until(False, stack.pid("spark"), SECONDS_TO_STOP)

    assert instance.get_run_by_id(run_id).status == DagsterRunStatus.CANCELED


@pytest.mark.slow
def test_the_work_of_a_killed_run_is_ended_by_its_successor(stack, services, spark, instance):
    """A kill -9 leaves Spark at work; interrupting the dead run by its id stops that, a second time does no harm."""
    run_id = make_new_run_id()
    with long_run(run_id) as process:
        wait_until(True, stack.pid("spark"), SECONDS_TO_START)
        process.kill()
        process.wait(SECONDS_TO_STOP)
        wait_until(True, stack.pid("spark"), SECONDS_TO_STOP)

    successor = SparkConnect()
    successor.interrupt(run_id)
    wait_until(False, stack.pid("spark"), SECONDS_TO_STOP)
    successor.interrupt(run_id)
