"""One table in one Spark session of its own, as a task of an orchestrator that starts a process for each table.

    python -m benchmarks.contenders.jobs.task STAGE PLAN --heap 2g --cores 2

STAGE is `bronze`, `silver`, `rebuild`, or an answer of gold. PLAN is a file: {prefix, domain, topic, number, slices:
[[partition, start, end]], days: [...]}; `silver` writes the days that it touched into it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession

from benchmarks.contenders.jobs import medallion
from benchmarks.contenders.jobs.batches import tune
from benchmarks.contenders.jobs.driver import driver, run
from benchmarks.contenders.jobs.tables import Tables
from benchmarks.contenders.jobs.writers import SparkWriter
from lakehouse_assets.access import kafka
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.settings import Settings, load

LARGE = 1_000_000


def main() -> None:
    """Runs one task."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stage")
    parser.add_argument("plan", type=Path)
    parser.add_argument("--heap", default="2g")
    parser.add_argument("--cores", type=int, default=2)
    asked, settings = parser.parse_args(), load()
    with driver(settings, asked.heap, asked.cores) as spark:
        task = Task(spark, settings, asked.plan)
        stages: dict[str, Callable[[], None]] = {
            "bronze": task.bronze,
            "silver": task.silver,
            "rebuild": task.rebuild,
        }
        stages.get(asked.stage, lambda: task.answer(asked.stage))()


@dataclass
class Task:
    """The work of one table."""

    spark: SparkSession
    settings: Settings
    file: Path

    def __post_init__(self) -> None:
        self.plan: dict[str, Any] = json.loads(self.file.read_text())
        self.tables = Tables(Lake(self.settings), self.plan["prefix"], self.plan["domain"])
        self.writer = SparkWriter(self.tables, self.plan["domain"])
        tune(self.spark, sum(end - start for _, start, end in self.plan["slices"]) or LARGE)

    def bronze(self) -> None:
        """The records of the slices, as they came; the first batch makes all tables."""
        if not self.plan["number"]:
            self.tables.create(self.spark)
        landed = medallion.landed(self._records(), self.settings, self.plan["topic"])
        self.writer.append("bronze", landed, self.plan["number"])

    def silver(self) -> None:
        """The rows of the slices, merged; says which days they are of."""
        within = [
            (F.col("partition") == partition) & (F.col("offset") >= start) & (F.col("offset") < end)
            for partition, start, end in self.plan["slices"]
        ]
        rows = self._read("bronze").where(any_of(within))
        typed = medallion.judged(rows).persist()
        found = medallion.seen(typed)
        if found.bad:
            self.writer.append("quarantine", medallion.bad_rows(typed), self.plan["number"])
        if found.days:
            where = medallion.where(found.days)
            self.writer.merge("silver", medallion.winners(typed), medallion.GRAIN, where)
        self.file.write_text(json.dumps(self.plan | {"days": [str(day) for day in found.days]}))

    def rebuild(self) -> None:
        """Days of silver anew, from the bronze of the plan; the first one makes the tables."""
        if not self.tables.exist():
            self.tables.create(self.spark)
        where = medallion.where(self._days)
        rows = medallion.winners(medallion.judged(self._load(self.plan["bronze"]).where(where)))
        self.writer.replace("silver", rows, where)

    def answer(self, name: str) -> None:
        """The days of one table of gold."""
        if self._days:
            where = medallion.where(self._days)
            self.writer.replace(name, medallion.answer(name, self._read("silver").where(where)), where)

    @property
    def _days(self) -> list[date]:
        return [date.fromisoformat(day) for day in self.plan["days"]]

    def _records(self) -> DataFrame:
        topic, slices = self.plan["topic"], self.plan["slices"]
        options = {
            **kafka.spark(self.settings),
            "kafka.isolation.level": "read_committed",
            "assign": json.dumps({topic: [each[0] for each in slices]}),
            "startingOffsets": json.dumps({topic: {str(each[0]): each[1] for each in slices}}),
            "endingOffsets": json.dumps({topic: {str(each[0]): each[2] for each in slices}}),
            "includeHeaders": "true",
        }
        return self.spark.read.format("kafka").options(**options).load()

    def _read(self, name: str) -> DataFrame:
        return self._load(self.tables.uri(name))

    def _load(self, uri: str) -> DataFrame:
        return self.spark.read.format("delta").load(uri)


def any_of(conditions: list[Any]) -> Any:
    """Whether one of them holds."""
    found = F.lit(False)
    for each in conditions:
        found = found | each
    return found


if __name__ == "__main__":
    run(main)
