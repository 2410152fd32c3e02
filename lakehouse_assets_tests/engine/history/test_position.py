"""Positions: exact about which offsets a table contains, whatever the order and size of its batches."""

from __future__ import annotations

import json
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.engine.history.position import Position, Slice, cap, predicate

PARTITIONS = st.tuples(st.sampled_from(["A", "B"]), st.integers(0, 3))


@st.composite
def slices_that_follow_on(draw, most: int = 12):
    """Slices in an order in which a table could take them in, some empty, some after a gap."""
    ends: dict[tuple[str, int], int] = {}
    slices = []
    for topic_id, partition in draw(st.lists(PARTITIONS, max_size=most)):
        start = ends.get((topic_id, partition), 0) + draw(st.sampled_from([0, 0, 0, 1, 7]))
        end = start + draw(st.integers(0, 20))
        ends[(topic_id, partition)] = end
        slices.append(Slice(topic_id, partition, start, end))
    return slices


@st.composite
def backlogs(draw):
    """One slice for each of some partitions."""
    parts = draw(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 400)), max_size=6))
    return [Slice("A", partition, start, start + size) for partition, (start, size) in enumerate(parts)]


def coordinates(slices):
    return [(part.topic_id, part.partition, offset) for part in slices for offset in range(part.start, part.end)]


@given(slices_that_follow_on())
def test_a_position_holds_exactly_the_offsets_it_took_in(slices):
    """No offset is added or forgotten, and none is held twice."""
    position = Position().advance(slices)

    assert sorted(coordinates(position.slices())) == sorted(coordinates(slices))


@given(slices_that_follow_on(), st.data())
def test_a_prefix_and_what_came_since_are_the_whole(slices, data):
    """What a lower layer holds beyond an upper one, taken in, brings both to the same position."""
    cut = data.draw(st.integers(0, len(slices)))
    prefix, whole = Position().advance(slices[:cut]), Position().advance(slices)

    beyond = whole.since(prefix)

    assert prefix.advance(beyond) == whole
    assert sorted(coordinates(beyond)) == sorted(coordinates(slices[cut:]))
    assert whole.since(whole) == ()


@given(slices_that_follow_on(), st.data())
def test_a_position_does_not_depend_on_how_batches_were_split(slices, data):
    """The same offsets in smaller batches state the same position."""
    halves = []
    for part in slices:
        middle = data.draw(st.integers(part.start, part.end))
        halves += [
            Slice(part.topic_id, part.partition, part.start, middle),
            Slice(part.topic_id, part.partition, middle, part.end),
        ]

    assert Position().advance(halves) == Position().advance(slices)


@given(slices_that_follow_on())
def test_a_position_survives_json(slices):
    """What a commit states is read back unchanged, the order of the topics included."""
    position = Position().advance(slices)

    read = Position.from_json(json.loads(json.dumps(position.to_json())))

    assert read == position
    assert read.topic_ids == position.topic_ids


def test_topic_ids_keep_the_order_in_which_they_were_accepted():
    """A newer topic never wins over an older one because its id sorts first."""
    position = Position().advance([Slice("Z", 0, 0, 5)]).advance([Slice("A", 0, 0, 2)])

    assert position.topic_ids == ("Z", "A")


def test_a_position_refuses_to_take_an_offset_in_twice():
    """An overlapping slice is an error, never a silent widening."""
    position = Position().advance([Slice("A", 0, 0, 5)])

    with pytest.raises(ValueError, match="before the next offset 5"):
        position.advance([Slice("A", 0, 4, 9)])


def test_a_loss_that_was_accepted_stays_visible_as_a_gap():
    """The position never claims offsets that were skipped."""
    position = Position().advance([Slice("A", 0, 0, 5), Slice("A", 0, 8, 9)])

    assert list(position.slices()) == [Slice("A", 0, 0, 5), Slice("A", 0, 8, 9)]
    assert position.next_offset("A", 0) == 9


@given(backlogs(), st.integers(1, 500))
def test_a_batch_is_never_larger_than_the_cap(backlog, most):
    """The cap holds, is used up while there is a backlog, and loses no partition's start."""
    capped = cap(backlog, most)

    assert sum(map(len, capped)) == min(most, sum(map(len, backlog)))
    assert [(part.partition, part.start) for part in capped] == [(part.partition, part.start) for part in backlog]


@given(backlogs(), st.integers(1, 60))
def test_capped_batches_cover_a_backlog_once(backlog, most):
    """Batch after batch reaches the end of every partition, each offset once."""
    whole, position, taken = Position().advance(backlog), Position(), []
    while batch := cap(whole.since(position), most):
        taken += coordinates(batch)
        assert position.advance(batch) != position
        position = position.advance(batch)

    assert sorted(taken) == sorted(coordinates(backlog))
    assert position == whole


def test_a_small_partition_is_not_starved_by_a_large_one():
    """Shares follow the backlog, so no partition waits for another one to be done."""
    capped = cap([Slice("A", 0, 0, 9_000), Slice("A", 1, 0, 1_000)], 100)

    assert [len(part) for part in capped] == [90, 10]


@given(slices_that_follow_on(most=6))
def test_the_predicate_holds_for_exactly_the_slices(slices):
    """Pruning by coordinate neither misses a row nor takes one too many."""
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (topic_id TEXT, `partition` INT, `offset` INT)")
        every = [(topic_id, partition, offset) for topic_id in "AB" for partition in range(4) for offset in range(150)]
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", every)
        found = database.execute(f"SELECT * FROM t WHERE {predicate(slices, 't')}").fetchall()

    assert sorted(found) == [each for each in every if each in set(coordinates(slices))]
