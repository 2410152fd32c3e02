"""Writing: one atomic commit each, and a predicate problem is fatal."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from pyspark.errors.exceptions.connect import SparkConnectException

from lakehouse_assets.engine.grids import DAILY
from lakehouse_assets.engine.history import walking
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.writing import delta
from lakehouse_assets.engine.writing.drift import Change
from lakehouse_assets.engine.writing.spark_writer import SparkWriter
from lakehouse_assets_tests.engine.lab import Lab

MARCH_1, MARCH_2 = date(2017, 3, 1), date(2017, 3, 2)


def test_days_are_pruned_by_literals():
    """Delta skips the files of other days; without days nothing is touched, never everything."""
    assert DAILY.where([MARCH_2, MARCH_1], "t") == "t.event_date IN (DATE'2017-03-01', DATE'2017-03-02')"
    assert DAILY.where([]) == "FALSE"


@pytest.fixture
def target(lab: Lab) -> delta.Target:
    """A table of two days, one row each."""
    target = delta.Target(lab.spark, lab.lake, lab.gold.key)
    rows = days(lab, MARCH_1, MARCH_2)
    target.create(rows.schema, by=DAILY.columns)
    SparkWriter(target).replace(rows, "TRUE", Statement("increment", "run-1"))
    return target


def days(lab: Lab, *dates: date):
    return lab.spark.createDataFrame([(each, 1) for each in dates], "event_date date, lines int")


@pytest.mark.services
def test_a_field_within_another_has_any_name_that_delta_holds(lab: Lab):
    """Of a table that is made and of a column that joins it, as an independent reader has it."""
    rows = lab.spark.createDataFrame(
        [(1, [(1, {"k": (2,)})])], "n int, lines array<struct<`user-id`: int, `a.b`: map<string, struct<`@ts`: long>>>>"
    )
    target = delta.Target(lab.spark, lab.lake, lab.gold.key)
    target.create(rows.select("n").schema, by=[])
    target.alter(Change(added=rows.select("lines").schema), Statement("widened", "run"), delta.Transaction("t", 1))
    other = replace(target, key=f"{target.key}_2")
    other.create(rows.schema, by=[])

    for each in (target, other):
        SparkWriter(each).replace(rows, "TRUE", Statement("increment", "run"))
        [row] = lab.rows(each.key)
        assert row == {"n": 1, "lines": [{"user-id": 1, "a.b": [("k", {"@ts": 2})]}]}


@pytest.mark.services
def test_a_row_outside_of_the_days_to_be_replaced_is_refused(lab: Lab, target: delta.Target):
    """The table stays at its version: nothing falls back to overwriting more than was asked for."""
    before = (lab.lake.version(lab.gold.key), lab.rows(lab.gold.key))

    with pytest.raises(SparkConnectException, match="DELTA_REPLACE_WHERE_MISMATCH"):
        SparkWriter(target).replace(days(lab, MARCH_1, MARCH_2), DAILY.where([MARCH_1]), Statement("rebuild", "run-2"))

    assert (lab.lake.version(lab.gold.key), lab.rows(lab.gold.key)) == before


@pytest.mark.services
def test_replacing_a_day_leaves_the_others_and_says_who_did_it(lab: Lab, target: delta.Target):
    """Rows and statement are one commit; a day replaced by nothing is gone."""
    said = Statement("rebuild", "run-2", (MARCH_1,), {"good": 0})
    SparkWriter(target).replace(days(lab), DAILY.where([MARCH_1]), said)

    assert [row["event_date"] for row in lab.rows(lab.gold.key)] == [MARCH_2]
    assert next(iter(lab.lake.commits(lab.gold.key))).statement == said


@pytest.mark.services
def test_a_commit_that_only_says_something_is_made_once(lab: Lab, target: delta.Target):
    """No row changes; the same transaction again makes no second commit."""
    version, rows = lab.lake.version(lab.gold.key), lab.rows(lab.gold.key)
    for _ in range(2):
        SparkWriter(target).state(Statement("increment", "run-2"), delta.Transaction("t", 1))

    assert lab.lake.version(lab.gold.key) == version + 1
    assert lab.rows(lab.gold.key) == rows
    assert lab.lake.rows(lab.gold.key) == 2
    assert lab.lake.days(lab.gold.key) == {MARCH_1, MARCH_2}


@pytest.mark.services
def test_maintenance_moves_no_position(lab: Lab, target: delta.Target):
    """OPTIMIZE makes a version that states nothing; provenance of every older version stays readable."""
    lab.spark.sql(f"OPTIMIZE {target.sql}").collect()
    lab.spark.sql(f"ALTER TABLE {target.sql} SET TBLPROPERTIES ('x' = 'y')").collect()

    assert walking.read(lab.lake.commits(lab.gold.key)).stated_version == 1
    assert lab.lake.version(lab.gold.key) > 1


@pytest.mark.services
@pytest.mark.parametrize("answer", ["too late", "there already"])
def test_two_writers_create_a_table_at_once(lab: Lab, monkeypatch, answer: str):
    """The second one finds it there; what else goes wrong is told."""
    target, rows = delta.Target(lab.spark, lab.lake, lab.gold.key), days(lab, MARCH_1)
    create = DeltaTable.create

    def beaten(*given, **named):
        create(*given, **named)
        if answer == "too late":
            raise CommitFailedError("another writer")
        return create(*given, **named)

    monkeypatch.setattr(delta.DeltaTable, "create", beaten)
    target.create(rows.schema, by=["event_date"])

    assert lab.lake.version(target.key) == 0
    SparkWriter(target).replace(rows, "TRUE", Statement("increment", "run-1"))
    assert lab.lake.rows(target.key) == 1
    monkeypatch.setattr(delta.DeltaTable, "create", lambda *_, **__: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        replace(target, key=f"{target.key}_2").create(rows.schema, by=["event_date"])
