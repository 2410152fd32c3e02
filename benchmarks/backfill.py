"""A backfill of 365 days in one Dagster run against one plain Spark job over the same days, interleaved.

    python -m benchmarks.backfill [--every N] [--rounds N]

Both run on the same Spark server with the same settings and write the same silver rows; that they are equal is asserted
in each round before its times count. Ours besides fills the quarantine, audits each rule for each day, and tells
Dagster (an instance on disk) of each day. `--every` takes every n-th of the 1,469,307 real lines.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyspark.sql.functions as F
from dagster import DagsterInstance, materialize
from deltalake import DeltaTable, QueryBuilder
from rich.console import Console
from rich.table import Table as RichTable

from lakehouse_assets.demo import producer
from lakehouse_assets.engine.grids import DAILY
from lakehouse_assets.engine.orchestration.assets import table_asset
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.spark import SparkConnect, connect, fit
from lakehouse_assets.engine.writing import delta, verdicts
from lakehouse_assets.engine.writing.audits import REASONS
from lakehouse_assets.engine.writing.events import precedence_of
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab
from lakehouse_assets_tests.faults.traffic import sampled

DAYS = [date(2017, 1, 1) + timedelta(days=n) for n in range(365)]
ALL = "ours, all days"


def main() -> None:
    """Fills the tables, runs the rounds, prints medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LAKEHOUSE_HOME"] = folder
        stack = Stack(Path(folder))
        stack.up("kafka", "s3", "spark")
        try:
            bench = Bench(asked.every, DAYS, folder)
            bench.fill()
            rounds = [bench.round() for _ in range(asked.rounds + 1)][1:]
        finally:
            stack.down()
    show(rounds, bench.rows, len(DAYS))


class Bench:
    """One lab with a year of transactions, of which some days are rebuilt; Dagster's instance is kept in `folder`."""

    def __init__(self, every: int, days: Sequence[date], folder: str) -> None:
        settings = load()
        self.lab = Lab(settings, connect(settings, str(uuid4()))).create_topic(4)
        self.plain = f"{self.lab.silver.key}_plain"
        self.lines = sampled(every)
        self.rows = 0
        self.days = days
        self.instance_folder = tempfile.mkdtemp(dir=folder)

    def fill(self) -> None:
        """A year in bronze and silver."""
        rows = len(self.lines)
        producer.produce(self.lab.settings, self.lines, rows, seed=7, name=self.lab.topic)
        while self.lab.land():
            sys.stdout.write(".")
            sys.stdout.flush()
        while self.lab.refine():
            sys.stdout.write(":")
            sys.stdout.flush()
        self.rows = self.lab.lake.rows(self.lab.silver.key)
        sys.stdout.write(f" {self.rows:,} rows in silver\n")

    def round(self) -> dict[str, float]:
        """Seconds of each way, and of ours by what they were spent on."""
        parts = {"ours, one day": timed(lambda: self.ours(self.days[:1])), "one Spark job": timed(self.one_job)}
        parts[ALL] = timed(lambda: self.ours(self.days))
        self.assert_equal()
        sys.stdout.write(f"{parts}\n")
        return parts

    def ours(self, days: Sequence[date]) -> None:
        """A single-run backfill of silver as Dagster's daemon starts it, in this process."""
        spark = SparkConnect()
        over = {"start": days[0].isoformat(), "end": days[-1].isoformat()}
        with DagsterInstance.local_temp(self.instance_folder) as instance:
            done = materialize(
                [table_asset(table, self.lab.settings) for table in self.lab.tables],
                selection=[self.lab.silver.asset_key],
                instance=instance,
                resources={"spark": spark, "delta": DeltaIOManager(spark=spark)},
                tags={f"dagster/asset_partition_range_{end}": day for end, day in over.items()},
            )
        assert done.success

    def one_job(self) -> None:
        """Read, transform, check, deduplicate, replace: what a script would do."""
        engine, table = self.lab.engine(), self.lab.silver
        fit(engine.spark, self.rows)
        records = delta.read(engine.spark, engine.lake, self.lab.bronze.key, where=DAILY.where(self.days))
        typed = verdicts.typed_rows(table, [records]).where(F.size(REASONS) == 0)
        rows = verdicts.winners(table, typed, precedence_of(engine.lake, table))
        where = {"replaceWhere": DAILY.where(self.days)} if engine.lake.version(self.plain) >= 0 else {}
        writer = rows.write.format("delta").mode("overwrite").partitionBy("event_date").options(**where)
        writer.save(engine.lake.uri(self.plain, "s3a"))

    def assert_equal(self) -> None:
        """The same rows, by delta-rs."""
        assert self.digest(self.lab.silver.key) == self.digest(self.plain)

    def digest(self, key: str) -> list[dict[str, object]]:
        """Rows, revenue and coordinates of each day."""
        table = DeltaTable(self.lab.lake.uri(key), storage_options=self.lab.storage_options())
        query = (
            'SELECT event_date, count(*) AS rows, sum("Price") AS revenue, sum("offset") AS offsets,'
            " sum(cardinality(losers)) AS losers, max(content_hash) AS hash"
            f" FROM t WHERE event_date BETWEEN '{self.days[0]}' AND '{self.days[-1]}'"
            " GROUP BY event_date ORDER BY event_date"
        )
        return pa.table(QueryBuilder().register("t", table).execute(query).read_all()).to_pylist()


def timed(work: Callable[[], None]) -> float:
    """Seconds."""
    began = time.monotonic()
    work()
    return round(time.monotonic() - began, 2)


def show(rounds: list[dict[str, float]], rows: int, days: int) -> None:
    """Medians, least and most."""
    shown = RichTable(title=f"{days} days, {rows:,} rows, {len(rounds)} rounds, seconds", title_justify="left")
    for column in ("", "median", "least", "most"):
        shown.add_column(column, justify="right" if column else "left")
    for name in rounds[0]:
        found = [each[name] for each in rounds]
        shown.add_row(name, *(f"{value:.2f}" for value in (statistics.median(found), min(found), max(found))))
    Console().print(shown)
    ratio = statistics.median(each[ALL] / each["one Spark job"] for each in rounds)
    extra = statistics.median((each[ALL] - each["one Spark job"]) / days for each in rounds)
    Console().print(f"ours / one job: {ratio:.2f}; ours adds {1000 * extra:.0f} ms a day")


if __name__ == "__main__":
    main()
