"""One batch from records to gold: what does not wait for one another is written side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial

from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame, SparkSession

from benchmarks.contenders.jobs import medallion
from benchmarks.contenders.jobs.medallion import ANSWERED_FROM, ANSWERS, GRAIN, Seen
from benchmarks.contenders.jobs.tables import Tables
from benchmarks.contenders.jobs.writers import Writer
from lakehouse_assets.engine.sessions import SMALL_RECORDS
from lakehouse_assets.settings import Settings

ONE_TASK_RECORDS = 20_000


@dataclass(frozen=True)
class Batches:
    """Takes batches of one topic to the tables of one domain."""

    settings: Settings
    tables: Tables
    topic: str
    small: Writer
    large: Writer

    def take(self, records: DataFrame, number: int, size: int) -> None:
        """All tables of one batch; `size` is about how many records it has."""
        spark, writer = records.sparkSession, self.small if size <= SMALL_RECORDS else self.large
        tune(spark, size)
        landed = medallion.landed(records, self.settings, self.topic).persist()
        typed = medallion.judged(landed).persist()
        try:
            found = medallion.seen(typed)
            tune(spark, size + self.tables.rows("silver", found.days))
            side_by_side(self._writes(writer, landed, typed, found, number))
            if found.days:
                self.answer(spark, writer, found.days)
        finally:
            typed.unpersist()
            landed.unpersist()

    def _writes(
        self, writer: Writer, landed: DataFrame, typed: DataFrame, found: Seen, number: int
    ) -> list[Callable[[], None]]:
        writes: list[Callable[[], None]] = [partial(writer.append, "bronze", landed, number)]
        if found.bad:
            writes.append(partial(writer.append, "quarantine", medallion.bad_rows(typed), number))
        if found.days:
            where = medallion.where(found.days)
            writes.append(partial(writer.merge, "silver", medallion.winners(typed), GRAIN, where))
        return writes

    def answer(self, spark: SparkSession, writer: Writer, days: Sequence[date]) -> None:
        """Gold of these days anew, from one look at silver."""
        where = medallion.where(days)
        sold = self.silver(spark).where(where).select(*ANSWERED_FROM).persist()
        try:
            answers = {name: medallion.answer(name, sold) for name in ANSWERS}
            side_by_side([partial(writer.replace, name, rows, where) for name, rows in answers.items()])
        finally:
            sold.unpersist()

    def silver(self, spark: SparkSession) -> DataFrame:
        """Silver at its newest version."""
        return spark.read.format("delta").load(self.tables.uri("silver"))


def tune(spark: SparkSession, size: int) -> None:
    """Small batches are interpreted, the smallest are not shuffled; large ones are compiled."""
    small, tasks = size <= SMALL_RECORDS, 1 if size <= ONE_TASK_RECORDS else 2 * spark.sparkContext.defaultParallelism
    wanted = {
        "spark.sql.codegen.wholeStage": str(not small).lower(),
        "spark.sql.codegen.factoryMode": "NO_CODEGEN" if small else "FALLBACK",
        "spark.sql.adaptive.enabled": str(not small).lower(),
        "spark.sql.shuffle.partitions": str(tasks),
    }
    for name, value in wanted.items():
        spark.conf.set(name, value)


def side_by_side(writes: Sequence[Callable[[], None]]) -> None:
    """Runs them in threads; the first failure is raised."""
    with ThreadPoolExecutor(len(writes)) as pool:
        for future in [pool.submit(inheritable_thread_target(write)) for write in writes]:
            future.result()
