"""The ledger: what a table's history says of its position, read newest first."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from lakehouse_assets.engine.history import changes, ledger
from lakehouse_assets.engine.history.ledger import Commit, Restated, Statement, parse
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.history.walking import read, restate
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


def at_version(version: int, planned_from: int, commit: Commit) -> Commit:
    return replace(commit, version=version, statement=replace(commit.statement, planned_from=planned_from))


def restatement(version: int, of: list[Commit], planned_from: int | None = None) -> Commit:
    said = restate(read(of), "maintenance")
    return Commit(
        version, 0, "WRITE", replace(said, planned_from=said.planned_from if planned_from is None else planned_from)
    )


def test_a_statement_is_read_back_as_it_was_written():
    """Nothing of what a commit says is lost in its metadata."""
    said = Statement("increment", "run-1", (MARCH_1, MARCH_2), {"good": 3}, "c0ffee", at(5), ACCEPTANCE)

    again = replace(said, planned_from=-1, at="2026-11-01T10:15:30+00:00", restated=Restated(3, 4, 2, 1, (ACCEPTANCE,)))

    assert parse(said.to_json(), "t") == said
    assert parse(again.to_json(), "t") == again


@pytest.mark.parametrize("metadata", [None, "", "not json", "[]", "3", '{"other": {"format": 9}}'])
def test_commits_of_others_state_nothing(metadata):
    """Maintenance and foreign writers neither break the ledger nor move it."""
    assert parse(metadata, "t") is None


def test_an_unknown_format_is_refused():
    """A ledger of a later version is never read wrongly: it is named with its table."""
    said = json.loads(Statement("increment", "run-1").to_json())
    said[ledger.ENVELOPE]["format"] = 3

    with pytest.raises(BrokenContractError, match="gold/x: its ledger has format 3"):
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


def days_since(source, own, position):
    """Of a table that has the partitions of its source."""
    return changes.days_since(source, changes.known_by(own, "s", position), position, lambda day: [day])


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


def test_a_restore_between_plan_and_commit_is_not_hidden():
    """The position that was planned before it is not stated; the older one stands, until someone accepts the loss."""
    late = at_version(5, 3, increment(5, 9))
    commits = [late, restored(4, to=1), increment(3, 7), increment(1, 5), silent(0)]

    found = read(commits)
    assert (found.position, found.position_version, found.restored_version) == (at(5), 1, 4)
    accepted_since = read([accepted(6), *commits])
    assert (accepted_since.position, accepted_since.restored_version) == (at(5), None)
    assert read([increment(7, 6), accepted(6), *commits]).position == at(6)
    assert days_since(commits, [], at(9)) is None


def test_an_acceptance_between_plan_and_commit_counts_for_the_next_batch():
    """Offsets as well as rules; one that was planned before a RESTORE does not cover it."""
    rules = Commit(3, 0, "WRITE", Statement("acceptance", "x", accepted_rules=("a: rule",), planned_from=2))

    found = read([at_version(5, 2, increment(5, 9)), accepted(4), rules, increment(2, 7)])
    assert (found.position, found.acceptances, found.accepted_rules) == (at(9), (ACCEPTANCE,), {"a: rule"})
    assert read([increment(6, 10), *[at_version(5, 2, increment(5, 9)), accepted(4), rules]]).acceptances == ()
    ignorant = at_version(6, 4, accepted(6))
    assert read([ignorant, restored(5, to=3), increment(4, 9), increment(3, 7)]).restored_version == 5


HISTORIES = {
    "an increment": [silent(3), silent(2), increment(1, 5, MARCH_1), silent(0)],
    "a rebuild after it": [silent(3), rebuild(2, MARCH_2), increment(1, 5, MARCH_1)],
    "acceptances": [accepted(3), accepted(2), increment(1, 5)],
    "a RESTORE": [silent(5), restored(4, to=1), increment(2, 7), increment(1, 5)],
    "an accepted RESTORE": [accepted(5), restored(4, to=1), increment(2, 7), increment(1, 5)],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_a_restatement_says_what_the_history_said(history):
    """The log below it may go: nothing is forgotten but the versions themselves; a second one repeats the first."""
    once = restatement(8, history)
    twice = restatement(10, [silent(9), once])

    for held in (once, twice):
        assert replace(read([held]), version=0, held_version=0) == replace(read(history), version=0, held_version=0)
    assert read([increment(12, 9), accepted(11), twice]).acceptances == ()


def test_a_restatement_says_nothing_where_something_was_said_meanwhile():
    """A batch, a RESTORE or an acceptance that came between its plan and its commit counts, and the restatement not."""
    history = [silent(3), increment(2, 5, MARCH_1), increment(1, 3)]
    for between in (increment(4, 9), restored(4, to=1), accepted(4)):
        commits = [between, *history]
        late = [restatement(5, history, planned_from=3), *commits]
        assert replace(read(late), version=4) == read(commits)


def test_a_restatement_hides_no_rebuild():
    """The days of a rebuild that an answer has not read are named, whatever maintenance repeated since."""
    history = [rebuild(3, MARCH_2), increment(2, 5, MARCH_1), increment(1, 3, MARCH_3)]
    again = restatement(5, history)
    own = [Commit(1, 0, "WRITE", Statement("increment", "g", (MARCH_1,), position=at(5), versions={"s": 2}))]

    assert days_since([silent(6), again, silent(4), *history], own, at(5)) == (MARCH_2,)
    assert days_since([silent(6), again, silent(4), rebuild(3, MARCH_2), silent(2)], own, at(5)) == (MARCH_2,)
    assert days_since([increment(7, 9, MARCH_3), again, *history[:2]], own, at(5)) == (MARCH_2, MARCH_3)
    assert days_since([silent(6), again, silent(4)], own, at(5)) is None


def test_what_a_restore_takes_back_is_computed_again():
    """An answer has read a rebuild that a RESTORE of its source took back: the rebuild's days have changed."""
    own = [Commit(1, 0, "WRITE", Statement("increment", "g", (MARCH_2,), position=at(5), versions={"s": 3}))]
    history = [accepted(5), restored(4, to=2), rebuild(3, MARCH_2), increment(2, 5, MARCH_1)]

    assert days_since(history, own, at(5)) == (MARCH_2,)
    read_since = replace(own[0], statement=replace(own[0].statement, versions={"s": 5}))
    assert days_since(history, [read_since], at(5)) == ()
