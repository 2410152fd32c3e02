"""What comes between a batch's plan and its commit is never hidden: a RESTORE, an acceptance, another batch."""

from __future__ import annotations

import pytest

from lakehouse_assets.engine.history import acceptances
from lakehouse_assets.engine.writing import increments, publication
from lakehouse_assets.errors import LossError
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


def test_a_restore_that_wins_the_race_is_not_hidden_either(lab: Lab, monkeypatch):
    """It comes after the last look and before the commit: the commit is told, and its position does not stand."""
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

    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 2)]
    with pytest.raises(LossError, match="RESTORE"):
        increments.standing_ledger(lab.lake, lab.bronze)
    acceptances.record(lab.spark, lab.settings, lab.bronze, "someone")
    lab.ingest()
    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 1), (0, 2)]
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1), (0, 2)]
    assert [row["lines"] for row in lab.rows(lab.gold.key)] == [3]


def test_an_acceptance_between_plan_and_commit_counts_for_the_next_batch(lab: Lab):
    """Of rules as of offsets: the batch that knew nothing of it does not use it up."""
    lab.send(sale(0)).ingest()
    lab.send(sale(1)).land()
    planned = increments.refine(lab.engine(), lab.silver)
    rule = "CustomerNo: no longer in the model"
    acceptances.record_rules(lab.spark, lab.settings, lab.silver, [rule], "someone")

    lab.publish(planned)

    assert lab.lake.ledger(lab.silver.key).accepted_rules == {rule}
    lab.send(sale(2)).ingest()
    assert lab.lake.ledger(lab.silver.key).accepted_rules == set()
