"""W4: a year of silver rebuilt: ours in one backfill, one plain Spark job, and a fresh session for each day.

All three read the bronze that ours has filled, once; its home is kept until the workload is done, and found again by a
later call.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.contenders.one_job import ONE_JOB_PREFIX, rebuild
from benchmarks.contenders.ours import Ours
from benchmarks.contenders.sessions import Sessions
from benchmarks.harness import oracle
from benchmarks.harness.cases import (
    ONE_JOB,
    OURS,
    SECONDS,
    SESSIONS,
    Case,
    Limit,
    Measured,
    Ratio,
    Workload,
    WrongResultError,
)
from benchmarks.harness.records import real
from benchmarks.harness.scale import Sizes
from benchmarks.harness.sending import Sender
from benchmarks.harness.site import Site, opened
from benchmarks.harness.store import ROOT, digest
from benchmarks.workloads.shop import PARTITIONS
from benchmarks.workloads.w1_backlog import until_whole
from lakehouse_assets.engine.spark import connect

CASE = "W4"
BACKFILL_SECONDS = 3600.0
COMMAND = "from lakehouse_assets.cli import main; main()"


def workload(sizes: Sizes) -> Workload:
    """Seconds for all days of silver."""
    made = Case(CASE, (OURS, ONE_JOB, SESSIONS), lambda contender, number: measured(sizes, contender, number))
    ratios = (
        Ratio("W4 by one job", (CASE, OURS), (CASE, ONE_JOB), Limit("median", "<=", 1.3)),
        Ratio("W4, times sooner", (CASE, SESSIONS), (CASE, OURS), Limit("median", ">=", 20.0)),
    )
    return Workload("W4", "Rebuild of a year", (made,), ratios=ratios)


def measured(sizes: Sizes, contender: str, number: int) -> Sequence[Measured]:
    """One rebuild, compared with the oracle; what fresh sessions take is told from some of the days."""
    with filled(sizes) as (site, expected):
        days = sorted({*expected["event_date"].to_pylist()})
        if contender == OURS:
            return [Measured(SECONDS, [ours(site, expected)])]
        if contender == ONE_JOB:
            return [Measured(SECONDS, [one_job(site, days, expected)])]
        return [Measured(SECONDS, [fresh_sessions(site, days, number, expected)])]


@contextmanager
def filled(sizes: Sizes) -> Iterator[tuple[Site, pa.Table]]:
    """A lake with all real lines, everything running; and the facts."""
    home = ROOT / ".lakehouse" / "bench" / f"w4-{sizes.name}-{digest(sizes)}"
    home.mkdir(parents=True, exist_ok=True)
    with opened(sizes, partitions=PARTITIONS, kept=home) as site:
        expected = _sent_once(site, home / "facts.parquet")
        filling = Ours(site)
        filling.start()
        until_whole(site.gold(), expected, sizes.timeout, filling.check)
        yield site, expected


def _sent_once(site: Site, file: Path) -> pa.Table:
    """Sends the real lines, the first time; the facts that follow from them."""
    if not file.exists():
        values = [*real(site.sizes.every)]
        Sender(site.settings, site.feeds[0].topic).send(values)
        pq.write_table(oracle.facts(oracle.sent(each.value for each in values)), file)
    return pq.read_table(file, schema=oracle.FACTS)


def ours(site: Site, expected: pa.Table) -> float:
    """`lakehouse backfill`, from the command's start to its end."""
    silver = site.reader(site.feeds[0].key("silver"))
    before, words = silver.version(), ["backfill", site.feeds[0].key("silver"), "all", "--no-downstream"]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=BACKFILL_SECONDS,
        check=False,
    )
    seconds = time.monotonic() - began
    if done.returncode:
        raise WrongResultError(f"the backfill failed: {(done.stdout + done.stderr)[-1000:]}")
    if silver.version() <= before:
        raise WrongResultError("the backfill has written nothing")
    check(site, "", expected)
    return seconds


def one_job(site: Site, days: Sequence[date], expected: pa.Table) -> float:
    """On the running Spark server, which is warm; the session is open before."""
    spark = connect(site.settings, str(uuid4()))
    try:
        began = time.monotonic()
        rebuild(spark, site.settings, site.feeds[0], days, expected.num_rows)
        seconds = time.monotonic() - began
    finally:
        spark.stop()
    check(site, ONE_JOB_PREFIX, expected)
    return seconds


def fresh_sessions(site: Site, days: Sequence[date], number: int, expected: pa.Table) -> float:
    """What all days would take, by the mean of some."""
    tasks, count = Sessions(site), site.sizes.session_days
    chosen = [days[(number * count + each) * 37 % len(days)] for each in range(count)]
    bronze = site.uri(site.feeds[0].key("bronze")).replace("s3://", "s3a://")
    seconds = [tasks.rebuild(site.feeds[0], str(day), bronze) for day in chosen]
    check(site, tasks.prefix, expected, chosen)
    return sum(seconds) / count * len(days)


def check(site: Site, prefix: str, expected: pa.Table, days: Sequence[date] = ()) -> None:
    """Silver's days hold what the facts say."""
    table = site.reader(site.feeds[0].key("silver"), prefix).table()
    if table is None:
        raise WrongResultError("there is no silver")
    oracle.check_silver(expected, table.to_pyarrow_dataset().to_table(columns=oracle.FACTS.names), days)
