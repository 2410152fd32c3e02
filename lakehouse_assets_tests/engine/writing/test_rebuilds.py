"""Rebuilds: days computed anew are what the increments made of them, no more and no less."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest

from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.sources import planning
from lakehouse_assets.engine.sources.planning import TopicState
from lakehouse_assets.engine.writing import delta, rebuilds
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.errors import PlanError
from lakehouse_assets_tests.engine.lab import Lab, sale

MARCH_1, MARCH_2 = date(2017, 3, 1), date(2017, 3, 2)
STATE = TopicState("t", "B", {0: 4, 1: 0}, {0: 9, 1: 9})


def test_only_what_the_topic_still_holds_below_the_position_is_read_again():
    """Neither offsets beyond the table, nor deleted ones, nor another topic's under the same numbers."""
    position = Position().advance(
        [Slice("A", 0, 0, 7), Slice("B", 0, 0, 6), Slice("B", 1, 1, 3), Slice("B", 1, 5, 6), Slice("B", 2, 0, 3)]
    )

    assert planning.still_held(STATE, position) == (Slice("B", 0, 4, 6), Slice("B", 1, 1, 3), Slice("B", 1, 5, 6))


@pytest.mark.services
def test_rebuilt_days_equal_the_increments(lab: Lab):
    """Silver, its quarantine and gold are the same rows afterwards, and their positions have not moved."""
    lab.send(sale(1), sale(2), b"bad", sale(1, date="2017-03-02")).ingest()
    lab.send(sale(1), sale(2, price=9), sale(3, date="2017-03-02"), sale(4, Price=None)).ingest()
    keys = [lab.silver.key, lab.silver.quarantine, lab.gold.key]
    before = [lab.rows(key) for key in keys]
    positions = [lab.position(table) for table in lab.tables]
    lab.send(sale(5), b"beyond").land()

    rebuild(lab, [MARCH_1])
    assert [lab.rows(key) for key in keys] == before
    assert [lab.position(table) for table in lab.tables[1:]] == positions[1:]


def rebuild(lab: Lab, days: list[date]) -> None:
    lab.publish_all(lab.silver.rebuild(lab.engine(), days))
    lab.publish_all(lab.gold.rebuild(lab.engine(), days))


@pytest.mark.services
def test_a_rebuild_and_an_increment_planned_beside_it_do_not_undo_each_other(lab: Lab):
    """Whichever commits second is refused and planned anew; no row of the first one is lost."""
    lab.send(sale(1)).ingest()
    lab.send(sale(2)).land()
    beside = planned_without_a_turn(lab.silver.rebuild(lab.engine(), [MARCH_1]))
    increment = lab.silver.increment(lab.engine(), LATER)
    lab.publish(increment)

    with pytest.raises(PlanError):
        lab.publish(beside)
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1)]


@pytest.mark.services
def test_a_repair_inserts_what_is_missing_and_deletes_nothing(lab: Lab):
    """Rows lost from bronze come back from Kafka, only on the days asked for; a repair with nothing to do succeeds."""
    lab.send(sale(1), sale(2), sale(3, date="2017-03-02")).land()
    lab.publish_all(lab.bronze.rebuild(lab.engine(), [MARCH_1]))
    whole, position = lab.rows(lab.bronze.key), lab.position(lab.bronze)
    lose(lab, "`offset` > 0")

    lab.publish_all(lab.bronze.rebuild(lab.engine(), [MARCH_1]))
    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 1)]
    lab.publish_all(lab.bronze.rebuild(lab.engine(), [MARCH_1, MARCH_2]))

    assert lab.rows(lab.bronze.key) == whole
    assert lab.position(lab.bronze) == position


def planned_without_a_turn(rebuild: rebuilds.Rebuild) -> Publication:
    """As a run on another machine plans, or one whose process is dead while Spark still works for it."""
    return rebuild.plan(rebuild.pieces[0], [])


def lose(lab: Lab, where: str) -> None:
    """Deletes rows behind the back of `delta.appendOnly`."""
    table = delta.Target(lab.spark, lab.lake, lab.bronze.key).sql
    lab.spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('delta.appendOnly' = 'false')").collect()
    lab.spark.sql(f"DELETE FROM {table} WHERE {where}").collect()
    lab.spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('delta.appendOnly' = 'true')").collect()


@pytest.mark.services
def test_gold_cannot_be_rebuilt_from_a_source_that_forgot_its_position(lab: Lab):
    """It says so, instead of mixing two positions."""
    lab.send(sale(1)).land()
    lab.refine()

    with pytest.raises(PlanError, match="no longer holds the position"):
        lab.publish_all(lab.gold.rebuild(lab.engine(run_id=str(uuid4())), [MARCH_1]))
