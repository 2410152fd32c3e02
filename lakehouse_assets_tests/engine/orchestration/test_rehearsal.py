"""A made-up row goes through every table's code, and nothing of it is left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.engine.orchestration import rehearsal
from lakehouse_assets.engine.project import registry
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services


def test_the_code_of_every_table_runs_and_nothing_is_made(lab: Lab):
    """Of all kinds that this project has."""
    steps = [*rehearsal.rehearse(lab.spark, lab.settings, [*registry().tables, *lab.tables])]

    assert 1 <= steps[-1].rounds < rehearsal.ROUNDS
    assert steps[-1].failed == ()
    assert [lab.lake.version(table.key) for table in lab.tables] == [-1, -1, -1]


def refusing(rows: DataFrame) -> DataFrame:
    return rows.withColumn("fails", F.raise_error(F.lit("no nulls, please")))


def test_code_that_takes_no_nulls_is_named_and_harms_nobody(lab: Lab):
    """It is not tried again in each round."""
    lab.gold = replace(lab.gold, transform=lambda rows: lab_gold(refusing(rows)))

    steps = [*rehearsal.rehearse(lab.spark, lab.settings, lab.tables)]

    assert {each.failed for each in steps[len(lab.tables) - 1 :]} == {(lab.gold.key,)}
    lab.send(sale(1)).land()


def lab_gold(rows: DataFrame) -> DataFrame:
    return rows.groupBy("event_date").agg(F.max("fails").cast("int").alias("lines"))
