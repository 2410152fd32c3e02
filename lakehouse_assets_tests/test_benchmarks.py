"""A tiny round of every benchmark: that they run, and that what they assert before a time counts holds."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from dagster import DagsterInstance

from benchmarks import backfill, latency, quality
from lakehouse_assets_tests import PROJECT
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.engine.orchestration.test_pipelines import run
from lakehouse_assets_tests.jobs import tick

ROWS = 3_100
EVERY = 30_000
LATENCY_SECONDS = 600


@contextmanager
def ended(lab: Lab) -> Iterator[None]:
    """A session that outlives its server is asked for, for minutes, when Python takes out its frames."""
    try:
        yield
    finally:
        lab.spark.stop()


@pytest.mark.services
def test_latency_is_split_into_parts_also_where_a_quarantine_took_rows(services, spark):
    """The parts are those of the total; a quarantine's event states no seconds of its own."""
    lab = Lab(services, spark).create_topic().send(sale(1), b"no receipt", sale(2, date="2017-03-03"))
    sent = time.time()
    with DagsterInstance.ephemeral() as instance:
        done = run(lab, instance, tick(instance, lab.settings, lab.bronze, lab.tables, datetime.now(UTC)))
        parts = latency.split(instance, done.run_id, sent)

    assert done.success
    assert lab.lake.rows(lab.silver.quarantine) == 1
    assert [*parts] == list(latency.PARTS)
    assert sum(parts[part] for part in latency.PARTS[:-1]) == pytest.approx(parts["total"])
    assert 0 < parts["commit"] < parts["total"]
    latency.show([parts], 3)


@pytest.mark.services
@pytest.mark.slow
def test_a_backfill_equals_one_spark_job(services, spark, tmp_path):
    bench = backfill.Bench(EVERY, backfill.DAYS[:3], str(tmp_path))
    with ended(bench.lab):
        bench.fill()
        found = bench.round()

    assert bench.rows > 0
    assert set(found) == {"ours, one day", "one Spark job", backfill.ALL}
    backfill.show([found], bench.rows, 3)


@pytest.mark.services
def test_rules_count_what_the_rows_were_made_with(services, spark):
    bench = quality.Bench(ROWS)
    with ended(bench.lab):
        found = bench.round(0)

    assert [*found] == ["no rules", "ten row rules", "all twelve", "Pandera's validate"]
    quality.show([found], ROWS)


@pytest.mark.slow
def test_latency_is_measured_on_a_running_daemon():
    """It starts a lakehouse of its own and ends with the check of every record."""
    asked = ["--rows", "20", "--rounds", "1", "--warm-up", "1"]
    command = [sys.executable, "-m", "benchmarks.latency", *asked]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=LATENCY_SECONDS, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    assert "20 new rows from topic to gold, seconds, 1 rounds" in done.stdout


@pytest.mark.slow
def test_a_hand_over_is_measured_in_turns_with_dagsters_own():
    command = [sys.executable, "-m", "benchmarks.handover", "--runs", "1"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=LATENCY_SECONDS, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("warm worker") == done.stdout.count("Dagster's own") == 3
