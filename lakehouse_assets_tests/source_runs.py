"""The tables of the project that it runs in, one batch or one rebuild at a word.

python -m lakehouse_assets_tests.source_runs

`run KEY` takes batch after batch of a bronze table's source through all tables below it, as its sensor asks for them,
until nothing is left or a run failed, and answers `True` or `False` for each. `rebuild KEY PARTITION...` materializes
partitions of a table. `rows KEY` answers how many rows delta-rs finds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from dagster import DagsterInstance, materialize

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.orchestration.assets import table_asset
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.registry import TABLES
from lakehouse_assets.settings import load
from lakehouse_assets_tests.jobs import run_source
from lakehouse_assets_tests.workers import DONE, say, told

BY_KEY = {table.key: table for table in TABLES}
MOST_RUNS = 5


def main() -> None:
    verbs = {"run": runs, "rebuild": rebuilt, "rows": rows}
    with DagsterInstance.ephemeral() as instance:
        for verb, key, *given in told():
            for answer in verbs[verb](instance, key, given):
                say(answer)
            say(DONE)


def runs(instance: DagsterInstance, key: str, _given: list[str]) -> Iterator[bool]:
    for _ in range(MOST_RUNS):
        succeeded = run_source(instance, BY_KEY[key], TABLES)
        if succeeded is None:
            return
        yield succeeded
        if not succeeded:
            time.sleep(load().retry_base_seconds)


def rebuilt(instance: DagsterInstance, key: str, partitions: list[str]) -> Iterator[bool]:
    spark = SparkConnect()
    resources = {"spark": spark, "delta": DeltaIOManager(spark=spark)}
    asset = table_asset(BY_KEY[key], load())
    for each in partitions:
        given = None if each == "all" else each
        yield materialize([asset], partition_key=given, instance=instance, resources=resources).success


def rows(_instance: DagsterInstance, key: str, _given: list[str]) -> Iterator[int]:
    yield Lake(load()).rows(key)


if __name__ == "__main__":
    main()
