"""Replays: what was set aside comes back after a fix, once, and nothing is between the tables meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

import pyspark.sql.functions as F
import pytest

from lakehouse_assets.engine.orchestration import quarantine_assets
from lakehouse_assets.engine.rules import RowRule
from lakehouse_assets.engine.writing import publication
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.silver.sales_transactions import Transaction
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services

MARCH_1, MARCH_2 = date(2017, 3, 1), date(2017, 3, 2)
DAYS = (MARCH_1, MARCH_2)


class Narrow(Transaction):
    """Too strict a model."""

    class Config:
        """Over the row."""

        metadata: ClassVar = {"rules": (RowRule("few units", "Quantity < 10"),)}


def mended(lab: Lab) -> None:
    """The transform reads a price that is sent as text."""
    old = lab.silver.transform

    def transform(records):
        text = F.regexp_replace(F.col("value").cast("string"), '"Price": "([0-9.]+)"', '"Price": $1')
        return old(records.withColumn("value", text.cast("binary")))

    lab.silver = replace(lab.silver, transform=transform)
    lab.gold = replace(lab.gold, source=lab.silver)


def replay(lab: Lab) -> int:
    """How many publications it took."""
    found = [lab.publish(each) for each in lab.silver.replay(lab.engine(), DAYS)]
    return len(found)


def ingested(lab: Lab) -> Lab:
    """Offsets 1 and 2 are set aside; 1 would have been the first of its grain."""
    lab.send(sale(1), sale(2, price="2.50"), b"never readable", sale(2, price=3), sale(3, date="2017-03-02"))
    return lab.ingest()


def test_a_replay_merges_what_passes_now_in_its_place_and_a_second_one_does_nothing(lab: Lab):
    """The replayed record has the lower offset: it takes the grain, as if it had passed at once."""
    ingested(lab)
    position, since = lab.position(lab.silver), lab.rows(lab.silver.quarantine)[0]["set_aside_at"]
    assert replay(lab) == 0

    mended(lab)
    assert replay(lab) == 1

    rows = {row["offset"]: row for row in lab.rows(lab.silver.key)}
    assert (str(rows[1]["Price"]), [each["offset"] for each in rows[1]["losers"]]) == ("2.50", [3])
    (left,) = lab.rows(lab.silver.quarantine)
    assert (left["offset"], left["set_aside_at"]) == (2, since)
    assert lab.position(lab.silver) == position
    assert lab.assert_stock().told == 5

    versions = [lab.lake.version(key) for key in (lab.silver.key, lab.silver.quarantine)]
    assert replay(lab) == 0
    assert [lab.lake.version(key) for key in (lab.silver.key, lab.silver.quarantine)] == versions


@pytest.mark.slow
def test_gold_follows_a_replay_by_itself_and_then_rests(lab: Lab):
    """The position has not moved; the days that changed are recomputed once."""
    ingested(lab)
    mended(lab)
    replay(lab)

    done = lab.gold.increment(lab.engine(), LATER)

    assert done.statement.days == (MARCH_1,)
    lab.publish(done)
    assert lab.gold.increment(lab.engine(), LATER) is None
    assert {row["event_date"]: str(row["revenue"]) for row in lab.rows(lab.gold.key)}[MARCH_1] == "3.50"


@pytest.mark.parametrize("dies_before", ["_write", "settle"])
@pytest.mark.parametrize("work", [replay, pytest.param(lambda lab: rebuild(lab), marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_run_that_dies_between_quarantine_and_table_leaves_no_record_without_a_place(
    lab: Lab, monkeypatch, work, dies_before
):
    """A record may be in both for a moment; the next batch settles it, whatever days it is about."""
    ingested(lab)
    mended(lab)
    with monkeypatch.context() as patch:
        patch.setattr(publication if dies_before == "_write" else publication.quarantine, dies_before, dies)
        with pytest.raises(UnavailableError):
            work(lab)
    assert {at for _, at in lab.coordinates(lab.silver.quarantine)} == {1, 2}

    lab.send(sale(9, date="2017-03-05")).ingest()

    stock = lab.assert_stock()
    assert {offset for _, _, offset in stock.quarantined} == ({1, 2} if dies_before == "_write" else {2})
    work(lab)
    assert {offset for _, _, offset in lab.assert_stock().quarantined} == {2}


def dies(*_args, **_options):
    raise UnavailableError("killed", where="here", do="Try again")


def rebuild(lab: Lab) -> None:
    lab.publish_all(lab.silver.rebuild(lab.engine(), DAYS))


def test_a_quarantine_is_judged_by_its_size_and_the_age_of_its_oldest_row(lab: Lab):
    """From the log alone; an empty one passes."""
    quarantine, now = lab.silver.set_aside, datetime.now(UTC)

    def passed(now: datetime, **limits) -> dict[str, bool]:
        settings = lab.settings.model_copy(update=limits)
        return {
            each.check_name: each.passed for each in quarantine_assets.verdicts(settings, lab.lake, quarantine, now)
        }

    assert passed(now) == {"size": True, "age": True}
    ingested(lab)
    assert passed(now + timedelta(hours=1), quarantine_max_rows=2, quarantine_max_days=1) == {"size": True, "age": True}
    assert passed(now, quarantine_max_rows=1) == {"size": False, "age": True}
    assert passed(now + timedelta(days=2), quarantine_max_days=1) == {"size": True, "age": False}


@pytest.mark.slow
def test_a_loosened_contract_is_a_fix_as_well(lab: Lab):
    """The rule was too strict."""
    table = lab.silver
    lab.silver = replace(table, schema=Narrow)
    lab.send(sale(1), sale(2, Quantity=50)).ingest()
    assert lab.coordinates(lab.silver.quarantine) == [(0, 1)]

    lab.silver = table

    assert replay(lab) == 1
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1)]
