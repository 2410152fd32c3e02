"""Spark and the run's own writer on one table at the same time: each commit is there, once, and conflicts are met."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import CommitFailedError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakehouse_assets_tests.engine import expectation
from lakehouse_assets_tests.engine.expectation import Sent
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.engine.test_meeting_runs import another_machine
from lakehouse_assets_tests.engine.writing.racing_batches import Racer
from lakehouse_assets_tests.engine.writing.test_deduplication import silver_of
from lakehouse_assets_tests.workers import DONE, Worker, worker

pytestmark = [pytest.mark.services, pytest.mark.timeout(3000)]

RACERS = ("run", "spark")
COMMITS, FEW_COMMITS = 150, 2
RECORDS = 4
"""In each commit."""
ROUNDS = 25
MODULE = "lakehouse_assets_tests.engine.writing.racing_batches"


def landed(lab: Lab, commits: int) -> list[Sent]:
    """Records for so many commits of two writers, in bronze; every other event comes twice, and so is merged."""
    dice, count = random.Random(3), 2 * commits * RECORDS
    numbers = [dice.randrange(count) for _ in range(count)]
    values = [sale(each, price=dice.choice([1.25, 2.5]), date=f"2017-03-0{1 + each % 3}") for each in numbers]
    lab.send(*values).land()
    lab.settings = lab.settings.model_copy(update={"max_records_per_batch": RECORDS})
    return [Sent((0, offset), json.loads(value)) for offset, value in enumerate(values)]


def assert_each_commit_is_there_once(lab: Lab, sent: list[Sent], commits: int) -> None:
    """As delta-rs reads rows and log: so many increments of each writer, each of its own records."""
    said = [each.statement for each in lab.lake.history(lab.silver.key) if each.statement]
    assert Counter(each.run_id for each in said) == dict.fromkeys(RACERS, commits)
    ends = [each.position.next_offset(lab.state().topic_id, 0) for each in said]
    assert ends[::-1] == [*range(RECORDS, len(sent) + 1, RECORDS)]
    assert lab.assert_stock().told == len(sent)
    assert silver_of(lab) == expectation.silver(sent)


def test_both_writers_meet_at_a_table_and_lose_nothing(lab: Lab, tmp_path: Path):
    """Every time both have planned from one version: one of them plans anew."""
    sent, together = landed(lab, FEW_COMMITS), Barrier(len(RACERS))
    racers = [Racer(elsewhere(lab, tmp_path / writer), writer, together.wait) for writer in RACERS]

    with ThreadPoolExecutor(len(racers)) as racing:
        for _ in range(FEW_COMMITS):
            [*racing.map(Racer.take, racers)]

    assert_each_commit_is_there_once(lab, sent, FEW_COMMITS)
    assert sum(each.conflicts for each in racers) == FEW_COMMITS


def elsewhere(lab: Lab, home: Path) -> Lab:
    """The same tables on a machine of its own, where turns are taken apart from those here."""
    other = Lab(lab.settings.model_copy(update={"home": home}), None, lab.topic)
    other.spark = lab.spark
    return other


@pytest.fixture
def both(lab: Lab, services, tmp_path: Path) -> Iterator[list[Worker]]:
    """One process for each writer, as on two machines."""
    with ExitStack() as ending:
        yield [
            ending.enter_context(
                worker(
                    MODULE,
                    lab.topic,
                    writer,
                    log=tmp_path / f"{writer}.log",
                    LAKEHOUSE_HOME=another_machine(services, tmp_path / writer),
                    LAKEHOUSE_MAX_RECORDS_PER_BATCH=str(RECORDS),
                )
            )
            for writer in RACERS
        ]


@pytest.mark.slow
def test_three_hundred_commits_of_two_writers_are_all_there_once(lab: Lab, both: list[Worker], capsys):
    """150 of each; the quick one waits up to as long as the slow one took last, so that they meet everywhere."""
    sent, dice, seconds, conflicts = landed(lab, COMMITS), random.Random(1), 0.0, [0, 0]
    for each in both:
        assert each.heard() == DONE

    for _ in range(COMMITS):
        began = time.monotonic()
        for each, wait in zip(both, (dice.uniform(0, seconds), 0.0), strict=True):
            each.tell("take", str(wait))
        conflicts = [int([*iter(each.heard, DONE)][-1]) for each in both]
        seconds = time.monotonic() - began

    assert_each_commit_is_there_once(lab, sent, COMMITS)
    assert min(conflicts) > 0
    with capsys.disabled():
        print(f"\n{2 * COMMITS} commits; planned anew: {dict(zip(RACERS, conflicts, strict=True))}")  # noqa: T201


@pytest.mark.slow
def test_each_writer_sees_that_the_others_commit_came_first(lab: Lab, capsys):
    """Without the engine: delta-rs by compare-and-set, Spark's log store by conditional puts, on one path."""
    key, refused, seconds, dice = f"bronze/race_{uuid4().hex[:8]}", Counter[str](), 0.0, random.Random(2)
    uri, options = lab.lake.uri(key), lab.storage_options()
    columns, properties = pa.schema([("number", pa.int64())]), {"delta.isolationLevel": "Serializable"}
    DeltaTable.create(uri, columns, configuration=properties, storage_options=options)
    with ThreadPoolExecutor(2) as racing:
        for number in range(1, ROUNDS + 1):
            began = time.monotonic()
            appending = racing.submit(append, uri, options, number, dice.uniform(0, seconds))
            refused["Spark"] += overwrite(lab.spark, lab.lake.uri(key, "s3a"), -number)
            seconds = time.monotonic() - began
            refused["delta-rs"] += appending.result()

    table = DeltaTable(uri, storage_options=options)
    found = QueryBuilder().register("t", table).execute("SELECT number FROM t").read_all()
    assert sorted(map(abs, found.column("number").to_pylist())) == sorted([*range(1, ROUNDS + 1)] * 2)
    assert table.version() == 2 * ROUNDS
    assert min(refused["Spark"], refused["delta-rs"]) > 0
    with capsys.disabled():
        print(f"\n{2 * ROUNDS} commits, refused before: {dict(refused)}")  # noqa: T201


def append(uri: str, options: dict[str, str], number: int, wait_seconds: float) -> int:
    """Appends a row at the version after the one that was looked at; how often another commit had come first."""
    table = DeltaTable(uri, storage_options=options)
    time.sleep(wait_seconds)
    rows, said = pa.table({"number": [number]}), CommitProperties(max_commit_retries=0)
    try:
        write_deltalake(table, rows, mode="append", commit_properties=said)
    except CommitFailedError:
        return 1 + append(uri, options, number, 0.0)
    return 0


def overwrite(spark: SparkSession, uri: str, number: int) -> int:
    """Puts a row in the place of itself, having read what others append; how often another commit had come first."""
    row = spark.sql(f"SELECT CAST({number} AS BIGINT) AS number")
    try:
        row.write.format("delta").mode("overwrite").option("replaceWhere", f"number = {number}").save(uri)
    except PySparkException as error:
        if "DELTA_CONCURRENT" not in str(error):
            raise
        return 1 + overwrite(spark, uri, number)
    return 0
