"""The ledger: what a table's history says of its position, read newest first."""

from __future__ import annotations

import json
from datetime import date

import pytest

from lakehouse_assets.engine.history import ledger
from lakehouse_assets.engine.history.ledger import Commit, Statement, days_since, parse, read
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.sources.planning import Acceptance
from lakehouse_assets.errors import BrokenContractError

MARCH_1, MARCH_2, MARCH_3 = (date(2017, 3, day) for day in (1, 2, 3))
ACCEPTANCE = Acceptance("A", {0: 9}, (Slice("A", 0, 5, 9),))


def at(end: int) -> Position:
    return Position().advance([Slice("A", 0, 0, end)])


def increment(version: int, end: int, *days: date) -> Commit:
    return Commit(version, 0, "MERGE", Statement("increment", f"run-{version}", days, position=at(end)))


def rebuild(version: int, *days: date) -> Commit:
    return Commit(version, 0, "WRITE", Statement("rebuild", f"run-{version}", days))


def accepted(version: int) -> Commit:
    return Commit(version, 0, "WRITE", Statement("acceptance", "someone", acceptance=ACCEPTANCE))


def restored(version: int, to: int) -> Commit:
    return Commit(version, 0, "RESTORE", None, restored_to=to)


def silent(version: int, operation: str = "OPTIMIZE") -> Commit:
    return Commit(version, 0, operation, None)


def test_a_statement_is_read_back_as_it_was_written():
    """Nothing of what a commit says is lost in its metadata."""
    said = Statement("increment", "run-1", (MARCH_1, MARCH_2), {"good": 3}, "c0ffee", at(5), ACCEPTANCE)

    assert parse(said.to_json(), "t") == said


@pytest.mark.parametrize("metadata", [None, "", "not json", "[]", "3", '{"other": {"format": 9}}'])
def test_commits_of_others_state_nothing(metadata):
    """Maintenance and foreign writers neither break the ledger nor move it."""
    assert parse(metadata, "t") is None


def test_an_unknown_format_is_refused():
    """A ledger of a later version is never read wrongly: it is named with its table."""
    said = json.loads(Statement("increment", "run-1").to_json())
    said[ledger.ENVELOPE]["format"] = 2

    with pytest.raises(BrokenContractError, match="gold/x: its ledger has format 2"):
        parse(json.dumps(said), "gold/x")


def test_rebuilds_and_maintenance_state_no_position():
    """The position is that of the newest increment, whatever was written after it."""
    found = read([silent(4), rebuild(3, MARCH_1), increment(2, 7), increment(1, 5), silent(0, "CREATE TABLE")])

    assert (found.version, found.position, found.position_version) == (4, at(7), 2)


def test_a_table_without_increments_is_at_the_beginning():
    """A created table states no position, and its history is known to be complete."""
    found = read([silent(0, "CREATE TABLE")])

    assert (found.position, found.position_version, found.complete) == (Position(), -1, True)


def test_a_history_that_ended_before_a_position_was_found_is_not_taken_for_a_new_table():
    """Expired history is told apart from an empty one."""
    assert read([silent(120), rebuild(119, MARCH_1)]).complete is False


def test_acceptances_since_the_position_stand_in_the_order_they_were_given():
    """Those before it are used up: the position itself shows the gap."""
    second = Commit(5, 0, "WRITE", Statement("acceptance", "x", acceptance=Acceptance("B", {0: 0})))

    found = read([second, accepted(4), increment(3, 5), accepted(2), increment(1, 3)])

    assert [each.topic_id for each in found.acceptances] == ["A", "B"]
    assert found.accepted_version == 5


def test_a_restore_makes_the_older_position_stand_and_is_noticed():
    """Increments whose rows went back no longer count, and someone has to say that this is known."""
    found = read([restored(4, to=1), increment(3, 9), increment(2, 7), increment(1, 5), silent(0)])

    assert (found.version, found.position, found.position_version) == (4, at(5), 1)
    assert found.restored_version == 4


def test_an_accepted_restore_holds_nothing_up():
    """After the acceptance the table goes on from the older position."""
    found = read([accepted(5), restored(4, to=1), increment(3, 9), increment(2, 7), increment(1, 5)])

    assert (found.position, found.restored_version, found.accepted_version) == (at(5), None, 5)


def test_a_restore_after_an_acceptance_is_noticed_again():
    """An acceptance covers what happened before it."""
    assert read([restored(6, to=3), accepted(5), increment(3, 9)]).restored_version == 6


def test_a_rebuild_after_a_restore_does_not_hide_it():
    """Only an acceptance does."""
    assert read([rebuild(5, MARCH_1), restored(4, to=1), increment(2, 7), increment(1, 5)]).restored_version == 4


def test_a_restore_of_a_restore_is_followed():
    """Whatever was rolled back and forth, the position is that of the rows which stand."""
    commits = [restored(6, to=2), restored(5, to=1), increment(4, 11), increment(2, 7), increment(1, 5)]

    assert read(commits).position == at(7)


def test_an_increment_after_an_accepted_restore_closes_it():
    """Once a new position is stated on top, the restore is history."""
    commits = [increment(6, 8), accepted(5), restored(4, to=1), increment(2, 7), increment(1, 5)]

    found = read(commits)
    assert (found.position, found.restored_version) == (at(8), None)


@pytest.mark.parametrize(
    ("newest", "stated"), [(rebuild(7, MARCH_1), 7), (accepted(7), 7), (increment(7, 9), 7), (silent(7), 3)]
)
def test_every_statement_makes_plans_from_before_it_stale(newest, stated):
    """Increments, rebuilds and acceptances take turns: each is planned on top of the one before. Maintenance is not."""
    assert read([newest, increment(3, 5)]).stated_version == stated


def test_reading_stops_at_the_newest_position():
    """The cost of a look does not grow with the table's age."""

    def history():
        yield increment(9, 5)
        pytest.fail("read on")

    assert read(history()).position == at(5)


def test_days_since_a_position_are_those_of_all_newer_commits():
    """Gold recomputes the days of increments and rebuilds that came after what it knows."""
    commits = [increment(4, 9, MARCH_3), rebuild(3, MARCH_2), increment(2, 7, MARCH_1), increment(1, 5, MARCH_2)]

    assert days_since(commits, [], at(7)) == (MARCH_2, MARCH_3)
    assert days_since(commits, [], at(9)) == ()


def test_days_since_an_unknown_position_are_unknown():
    """Then all days are recomputed, never none."""
    assert days_since([increment(2, 7, MARCH_1)], [], at(5)) is None


def test_days_since_ignores_commits_that_a_restore_took_back():
    """Their rows are gone; the position they stated is not found, so that all days count."""
    commits = [increment(5, 8, MARCH_3), accepted(4), restored(3, to=1), increment(2, 7, MARCH_1), increment(1, 5)]

    assert days_since(commits, [], at(7)) is None
    assert days_since(commits, [], at(5)) == (MARCH_3,)
