"""What comes between a batch's plan and its commit is never hidden: a RESTORE, an acceptance, another batch."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from pyspark.sql.types import IntegerType, LongType

from lakehouse_assets.engine.history import acceptances
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.sources.planning import Acceptance
from lakehouse_assets.engine.writing import delta, publication, turns
from lakehouse_assets.engine.writing.drift import Change
from lakehouse_assets.engine.writing.engine import LATER, standing_ledger
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.spark_writer import SparkWriter
from lakehouse_assets.errors import BrokenContractError, LossError, SupersededError
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services


def test_a_restore_between_plan_and_commit_makes_the_batch_refuse(lab: Lab):
    """Offset 1 went back after the plan: no position is stated over it; once accepted, it is taken in again."""
    lab.send(sale(0)).land()
    lab.send(sale(1)).land()
    lab.send(sale(2))
    planned = lab.prepare_land()
    lab.restore(lab.bronze, 1)

    with pytest.raises(LossError, match="RESTORE"):
        lab.publish(planned)

    assert lab.coordinates(lab.bronze.key) == [(0, 0)]
    with pytest.raises(LossError, match="RESTORE"):
        lab.plan()
    acceptances.record(lab.spark, lab.settings, lab.bronze, "someone")
    lab.ingest()
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1), (0, 2)]


@pytest.mark.slow
@pytest.mark.parametrize(("writer", "landed"), [("run", [(0, 0)]), ("spark", [(0, 0), (0, 2)])])
def test_a_restore_that_wins_the_race_is_not_hidden_either(
    lab: Lab, monkeypatch, writer: str, landed: list[tuple[int, int]]
):
    """It comes after the last look and before the commit: the run itself refuses it, Spark's stands without effect."""
    lab = lab.written_by(writer)
    lab.send(sale(0)).ingest()
    lab.send(sale(1)).ingest()
    lab.send(sale(2))
    planned, write = lab.prepare_land(), publication._write

    def late(*given: object) -> None:
        lab.restore(lab.bronze, 1)
        write(*given)

    with monkeypatch.context() as patch:
        patch.setattr(publication, "_write", late)
        with pytest.raises(LossError, match="RESTORE"):
            lab.publish(planned)

    assert lab.coordinates(lab.bronze.key) == landed
    with pytest.raises(LossError, match="RESTORE"):
        standing_ledger(lab.lake, lab.bronze)
    acceptances.record(lab.spark, lab.settings, lab.bronze, "someone")
    lab.ingest()
    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 1), (0, 2)]
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1), (0, 2)]
    assert [row["lines"] for row in lab.rows(lab.gold.key)] == [3]


def test_an_acceptance_between_plan_and_commit_counts_for_the_next_batch(lab: Lab):
    """Of rules as of offsets: the batch that knew nothing of it does not use it up."""
    lab.send(sale(0)).ingest()
    lab.send(sale(1)).land()
    planned = lab.silver.increment(lab.engine(), LATER)
    rule = "CustomerNo: no longer in the model"
    acceptances.record_rules(lab.spark, lab.settings, lab.silver, [rule], "someone")

    lab.publish(planned)

    assert lab.lake.ledger(lab.silver.key).accepted_rules == {rule}
    lab.send(sale(2)).ingest()
    assert lab.lake.ledger(lab.silver.key).accepted_rules == set()


def test_an_acceptance_counts_whatever_another_machines_clock_said(lab: Lab, monkeypatch):
    """One that a machine far ahead recorded does not make Delta skip the next one."""
    lab.send(sale(0)).land()
    target = delta.Target(lab.spark, lab.lake, lab.bronze.key)
    app_id = f"{lab.bronze.key}/acceptance"
    ahead = Statement("acceptance", "ahead", acceptance=Acceptance("other", {}))
    SparkWriter(target).state(ahead, delta.Transaction(app_id, 10**15))

    acceptances.record(lab.spark, lab.settings, lab.bronze, "someone")

    accepted = lab.lake.ledger(lab.bronze.key).acceptances
    assert [each.topic_id for each in accepted] == ["other", lab.state().topic_id]
    check_that_an_acceptance_that_delta_skipped_is_said_again(lab, monkeypatch)


def check_that_an_acceptance_that_delta_skipped_is_said_again(lab: Lab, monkeypatch) -> None:
    """Another one took the same number at the same moment."""
    numbers, known = iter([-1]), Lake.transaction_version
    monkeypatch.setattr(Lake, "transaction_version", lambda *given: next(numbers, None) or known(*given))

    acceptances.record(lab.spark, lab.settings, lab.bronze, "someone else")

    assert len(lab.lake.ledger(lab.bronze.key).acceptances) == 3


@pytest.mark.slow
def test_a_column_is_never_widened_over_another_batch(lab: Lab, monkeypatch):
    """The rewriting of the table loses to a batch that was committed after it began: no row of that batch is lost."""
    lab.send(sale(0)).ingest()
    lab.send(sale(1)).land()
    planned, rival = (lab.silver.increment(lab.engine(), LATER) for _ in range(2))
    wider = replace(planned, change=Change(widened={"Quantity": LongType()}))
    alter = delta.Target.alter

    def late(*given: object) -> None:
        lab.publish(rival)
        alter(*given)

    with monkeypatch.context() as patch:
        patch.setattr(delta.Target, "alter", late)
        with pytest.raises(SupersededError):
            lab.publish(wider)

    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1)]
    assert lab.lake.schema(lab.silver.key)["Quantity"].dataType == IntegerType()


@pytest.mark.slow
def test_two_runs_that_meet_twenty_times_lose_nothing_and_hold_nothing(lab: Lab):
    """Whoever comes second plans anew at once; what it then finds is taken in, or nothing is left."""
    lab.send(sale(0)).ingest()
    met: list[bool] = []

    def run(planned: Publication) -> None:
        first = iter([planned])
        fresh = partial(lab.silver.increment, lab.engine(), LATER)
        met.append(publication.publish_anew(lab.spark, lab.lake, lambda: next(first, None) or fresh()) is not None)

    for number in range(1, 21):
        lab.send(sale(number)).land()
        for planned in [lab.silver.increment(lab.engine(), LATER) for _ in range(2)]:
            run(planned)

    assert met.count(True) == 20
    assert lab.coordinates(lab.silver.key) == [(0, number) for number in range(21)]
    assert not issubclass(SupersededError, BrokenContractError)


@pytest.mark.slow
def test_a_run_that_lost_the_race_publishes_what_is_left_at_once(lab: Lab):
    """Another machine's batch came first, which no turn keeps away: the rest is planned anew in a new turn."""
    lab.send(sale(0)).ingest()
    lab.send(sale(1)).land()

    def plan() -> Publication | None:
        return lab.silver.increment(lab.engine(), LATER)

    rival, planned = plan(), publication.in_turn(lab.lake, lab.silver, plan)
    lab.publish(rival)
    lab.send(sale(2)).land()

    done = publication.publish_planned(lab.spark, lab.lake, planned)

    assert done is not None
    assert lab.position(lab.silver) == done[1].statement.position == lab.position(lab.bronze)
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1), (0, 2)]
    turns.take(lab.settings, lab.silver.key, wait_seconds=0).give_back()
