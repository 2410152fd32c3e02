"""Planning by situation: a topic's offsets and a table's ledger in, the next slices or a loud loss out."""

from __future__ import annotations

import pytest

from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.sources.planning import Acceptance, TopicState, acceptance, plan
from lakehouse_assets.errors import LossError

TABLE = "bronze/sales/transactions"


def topic(ends, starts=None, first=None, topic_id="A") -> TopicState:
    starts = starts or dict.fromkeys(ends, 0)
    return TopicState("sales", topic_id, starts, ends, first or {})


def at(*slices: Slice) -> Position:
    return Position().advance(slices)


def test_nothing_new_plans_nothing():
    """A table that has caught up starts no run."""
    assert plan(TABLE, topic({0: 5, 1: 0}), at(Slice("A", 0, 0, 5))) == ()


def test_new_records_are_read_from_where_the_table_ends():
    """Only what is new, in each partition that has something."""
    position = at(Slice("A", 0, 0, 5), Slice("A", 1, 0, 9))

    assert plan(TABLE, topic({0: 8, 1: 9}), position) == (Slice("A", 0, 5, 8),)


def test_a_first_start_from_the_earliest_reads_all_that_is_there():
    """Everything the topic holds is taken in."""
    assert plan(TABLE, topic({0: 5, 1: 3}), Position()) == (Slice("A", 0, 0, 5), Slice("A", 1, 0, 3))


def test_a_first_start_where_old_records_are_gone_is_no_loss():
    """A table that never followed the topic lost nothing; an emptied partition's start is kept all the same."""
    state = topic({0: 50, 1: 7}, starts={0: 40, 1: 7})

    assert plan(TABLE, state, Position()) == (Slice("A", 0, 40, 50), Slice("A", 1, 7, 7))


def test_a_first_start_from_the_latest_remembers_where_it_began():
    """What comes after the first look is read, what was there before is not, in every partition."""
    state = topic({0: 5, 1: 0}, first={0: 5, 1: 0})
    first = plan(TABLE, state, Position())
    later = plan(TABLE, topic({0: 7, 1: 2}, first={0: 7, 1: 2}), Position().advance(first))

    assert [part for part in first if len(part)] == []
    assert later == (Slice("A", 0, 5, 7), Slice("A", 1, 0, 2))


def test_a_first_start_from_the_latest_of_an_empty_topic_misses_nothing_after_it():
    """The place is recorded at the first look, even if it is offset 0."""
    first = plan(TABLE, topic({0: 0}, first={0: 0}), Position())
    assert first == (Slice("A", 0, 0, 0),)

    assert plan(TABLE, topic({0: 4}, first={0: 4}), Position().advance(first)) == (Slice("A", 0, 0, 4),)


def test_an_empty_topic_from_the_earliest_starts_no_run():
    """Nothing can be missed, so nothing is recorded."""
    assert plan(TABLE, topic({0: 0}), Position()) == ()


def test_a_first_start_at_a_timestamp_begins_in_the_middle():
    """Each partition begins at its own offset."""
    state = topic({0: 50, 1: 30}, starts={0: 10, 1: 0}, first={0: 20, 1: 30})

    assert plan(TABLE, state, Position()) == (Slice("A", 0, 20, 50), Slice("A", 1, 30, 30))


def test_a_new_partition_is_read_from_its_first_offset():
    """Also where the first start was `latest`: the table was following the topic when it grew."""
    position = at(Slice("A", 0, 5, 5))

    assert plan(TABLE, topic({0: 5, 1: 3}, first={0: 5, 1: 3}), position) == (Slice("A", 1, 0, 3),)


def test_a_large_backlog_is_capped():
    """No batch is larger than the setting."""
    slices = plan(TABLE, topic({0: 900, 1: 100}), Position(), most=100)

    assert slices == (Slice("A", 0, 0, 90), Slice("A", 1, 0, 10))


def test_records_gone_before_they_were_read_are_named_exactly():
    """Position below the log start: the plan stops and says which offsets of which partitions are lost."""
    position = at(Slice("A", 0, 0, 5), Slice("A", 1, 0, 2))

    with pytest.raises(LossError) as raised:
        plan(TABLE, topic({0: 20, 1: 4}, starts={0: 12, 1: 2}), position)

    assert "partition 0 offsets 5 to 11" in str(raised.value)
    assert "partition 1" not in str(raised.value)
    assert f"lakehouse accept {TABLE}" in str(raised.value)


def test_a_new_partition_that_lost_records_before_they_were_read_is_a_loss():
    """A table that follows the topic wanted them."""
    with pytest.raises(LossError, match="partition 1 offsets 0 to 2"):
        plan(TABLE, topic({0: 5, 1: 9}, starts={0: 0, 1: 3}), at(Slice("A", 0, 0, 5)))


def test_a_gap_inside_the_log_is_no_loss():
    """Compaction and transaction markers leave offsets without records: only the log start counts."""
    assert plan(TABLE, topic({0: 100}, starts={0: 5}), at(Slice("A", 0, 0, 5))) == (Slice("A", 0, 5, 100),)


def test_an_accepted_loss_goes_on_behind_it_and_records_the_range():
    """The acceptance names what is lost; the next plan starts at the log start and the gap stays visible."""
    state, position = topic({0: 20, 1: 4}, starts={0: 12, 1: 0}), at(Slice("A", 0, 0, 5), Slice("A", 1, 0, 2))

    accepted = acceptance(state, position, ())
    slices = plan(TABLE, state, position, (accepted,))

    assert accepted.lost == (Slice("A", 0, 5, 12),)
    assert slices == (Slice("A", 0, 12, 20), Slice("A", 1, 2, 4))
    assert list(position.advance(slices).slices())[:2] == [Slice("A", 0, 0, 5), Slice("A", 0, 12, 20)]


@pytest.mark.parametrize("most", [1, 2, 1000])
def test_an_accepted_loss_outlives_batches_that_move_other_partitions(most):
    """However small the batches, the acceptance is not needed a second time once a position was stated after it."""
    state, position = topic({0: 12, 1: 900}, starts={0: 12, 1: 0}), at(Slice("A", 0, 0, 5), Slice("A", 1, 0, 2))
    accepted = acceptance(state, position, ())

    advanced = position.advance(plan(TABLE, state, position, (accepted,), most=most))
    later = plan(TABLE, topic({0: 14, 1: 900}, starts={0: 12, 1: 0}), advanced)

    assert Slice("A", 0, 12, 14) in later


def test_a_second_loss_after_an_acceptance_stops_again():
    """An acceptance covers what was lost when it was given, and no more."""
    position = at(Slice("A", 0, 0, 5))
    accepted = acceptance(topic({0: 20}, starts={0: 12}), position, ())

    with pytest.raises(LossError, match="partition 0 offsets 12 to 14"):
        plan(TABLE, topic({0: 20}, starts={0: 15}), position, (accepted,))


def test_a_recreated_topic_stops_and_names_both_topics():
    """Offsets of another topic are never taken for those of the old one."""
    with pytest.raises(LossError, match=r"recreated.*follows id A.*serves B"):
        plan(TABLE, topic({0: 900}, topic_id="B"), at(Slice("A", 0, 0, 5)))


def test_an_accepted_recreated_topic_is_read_from_its_first_offset():
    """The old topic stays in the position, the new one follows it."""
    state, position = topic({0: 3}, topic_id="B"), at(Slice("A", 0, 0, 5))

    slices = plan(TABLE, state, position, (acceptance(state, position, ()),))

    assert slices == (Slice("B", 0, 0, 3),)
    assert position.advance(slices).topic_ids == ("A", "B")


def test_an_acceptance_of_one_topic_does_not_cover_the_next():
    """A topic recreated twice is accepted twice."""
    stale = Acceptance("B", {0: 0})

    with pytest.raises(LossError, match="recreated"):
        plan(TABLE, topic({0: 3}, topic_id="C"), at(Slice("A", 0, 0, 5)), (stale,))


def test_an_accepted_and_still_empty_topic_waits():
    """Nothing to read and nothing lost: no run, and the acceptance still stands for the first record."""
    position = at(Slice("A", 0, 0, 5))
    accepted = acceptance(topic({0: 0}, topic_id="B"), position, ())

    assert plan(TABLE, topic({0: 0}, topic_id="B"), position, (accepted,)) == ()
    assert plan(TABLE, topic({0: 1}, topic_id="B"), position, (accepted,)) == (Slice("B", 0, 0, 1),)


def test_a_topic_that_lost_its_newest_records_stops():
    """The same offsets would be given out twice; the plan says where the topic and the table end."""
    with pytest.raises(LossError, match="partition 0 ends at 3, the table at 5"):
        plan(TABLE, topic({0: 3, 1: 9}), at(Slice("A", 0, 0, 5)))
