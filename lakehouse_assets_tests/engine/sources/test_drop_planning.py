"""Which files are taken, by situation; and that their names sort by the time of the drop."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.engine.history.position import Position, Slice, predicate
from lakehouse_assets.engine.sources import drop_planning, file_versions
from lakehouse_assets.engine.sources.drop_planning import Dropped, Listing
from lakehouse_assets.engine.sources.file_versions import FileVersion

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SETTLE_SECONDS = 2.0


def dropped(name: str = "a.csv", etag: str = "e1", at: int = 0, size: int = 10) -> Dropped:
    return Dropped(FileVersion(NOON + timedelta(seconds=at), name, etag), size)


def plan(*files: Dropped, taken: tuple[Dropped, ...] = (), now: int = 1000, most: int = 100) -> list[str]:
    position = Position().advance(file.slice() for file in taken)
    listing = Listing(files, NOON + timedelta(seconds=now))
    planned = drop_planning.plan(listing, position, SETTLE_SECONDS, most)
    return [part.topic_id for part in planned]


def test_a_new_file_is_one_slice_of_all_its_bytes():
    listing = Listing((dropped(size=7),), NOON + timedelta(seconds=9))
    expected = Slice("2026-01-02T12:00:00.000Z a.csv e1", 0, 0, 7)
    assert drop_planning.plan(listing, Position(), SETTLE_SECONDS, 100) == (expected,)


def test_an_empty_file_still_has_a_coordinate():
    assert len(dropped(size=0).slice()) == 1


def test_a_repeated_file_is_not_taken_again_also_when_it_was_touched():
    assert plan(dropped(), taken=(dropped(),)) == []
    assert plan(dropped(at=60), taken=(dropped(),)) == []


def test_a_changed_file_is_a_new_version():
    assert plan(dropped(etag="e2", at=60), taken=(dropped(),)) == [dropped(etag="e2", at=60).version.id]


def test_a_file_that_goes_back_to_an_older_content_is_a_new_version():
    taken = (dropped(), dropped(etag="e2", at=60))
    assert plan(dropped(at=120), taken=taken) == [dropped(at=120).version.id]
    assert plan(dropped(at=120), taken=taken[::-1]) == [dropped(at=120).version.id]


def test_the_same_content_under_another_name_is_another_file():
    assert plan(dropped("b.csv"), taken=(dropped(),)) == [dropped("b.csv").version.id]


def test_a_file_that_may_still_be_replaced_is_left_to_settle():
    assert plan(dropped(), now=1) == []
    assert plan(dropped(), now=2) != []


@pytest.mark.parametrize("name", ["_SUCCESS", ".a.csv", "a.csv.tmp", "a.CSV.PART", "_temporary/0/a.csv", "folder/", ""])
def test_half_written_names_are_overlooked(name):
    assert plan(dropped(name)) == []


@pytest.mark.parametrize("name", ["a.csv", "2026/a.csv", "part.csv", "a_b.csv"])
def test_other_names_are_taken(name):
    assert len(plan(dropped(name))) == 1


def test_files_come_by_time_then_name_and_only_whole():
    files = (dropped("c", at=1, size=40), dropped("b", size=40), dropped("a", size=40))
    assert plan(*files) == [dropped("a").version.id, dropped("b").version.id]


def test_a_file_larger_than_a_batch_is_taken_alone():
    assert plan(dropped("a", size=500), dropped("b")) == [dropped("a").version.id]


def test_many_small_files_are_taken_in_batches():
    """A batch's files are named in its run's configuration; 100,000 empty ones are planned in no time."""
    files = [dropped(f"{number:06}", size=0).slice() for number in range(100_000)]
    started = time.process_time()
    assert len(drop_planning.whole_files(files, 10**9)) == drop_planning.MOST_FILES
    assert len(drop_planning.whole_files(files, 10**9, 3)) == 3
    assert len(drop_planning.whole_files(files, 10**9, 10**6)) == 100_000
    assert time.process_time() - started < 1.0


def test_what_has_not_settled_is_pending_all_the_same():
    listing = Listing((dropped(), dropped("_x"), dropped("b.csv")), NOON)
    position = Position().advance([dropped("b.csv").slice()])
    assert drop_planning.pending(listing, position) == (dropped().slice(),)


def test_only_content_of_the_days_asked_for_that_is_still_there_can_be_read_again():
    """Replaced and deleted files have left; a touched one has not."""
    tomorrow = dropped("d", at=86_400)
    taken = [dropped("a"), dropped("b"), dropped("c"), tomorrow]
    listing = Listing((dropped("a", at=60), dropped("b", etag="e2", at=60), tomorrow), NOON)
    position = Position().advance(file.slice() for file in taken)
    assert drop_planning.still_held(listing, position, [NOON.date()]) == (dropped("a").slice(),)


@given(
    st.lists(
        st.builds(
            FileVersion,
            st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
                lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
            ),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            st.text("0123456789abcdef-", min_size=1),
        ),
        min_size=2,
        max_size=2,
    )
)
def test_a_version_is_read_back_from_its_name_and_names_sort_by_time(versions):
    """Whatever a file is called: no space, quote or backslash of it reaches SQL."""
    one, other = versions
    assert file_versions.parse(one.id) == one
    assert one.modified == other.modified or (one.id < other.id) == (one.modified < other.modified)
    assert predicate([Slice(one.id, 0, 0, 1)]).count("'") == 2
    assert "\\" not in one.id


def test_a_topics_id_is_no_file():
    assert file_versions.parse("Zm9vYmFyYmF6cXV4MTIzNA") is None


def test_the_predicate_of_many_files_is_one_list():
    """A tree of so many terms would be too deep for Spark."""
    files = [dropped(f"{number}.csv").slice() for number in range(3)]
    names = ", ".join(f"'{part.topic_id}'" for part in files)
    assert predicate(files, "t") == f"(t.topic_id IN ({names}))"
    assert predicate([Slice("A", 0, 0, 5)]).startswith("((topic_id = 'A'")


def test_a_tick_over_many_taken_files_takes_little_time():
    """Nothing of what was taken is looked at again one by one where nothing is new."""
    files = tuple(dropped(f"{number}.csv", at=number) for number in range(100_000))
    position = Position().advance(file.slice() for file in files)
    listing = Listing(files, NOON + timedelta(days=9))
    started = time.process_time()
    assert drop_planning.plan(listing, position, SETTLE_SECONDS, 100) == ()
    assert position.since(Position(dict(position.epochs))) == ()
    assert time.process_time() - started < 1.0
