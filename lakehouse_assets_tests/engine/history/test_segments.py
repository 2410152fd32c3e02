"""Sealed segments: what a commit says of a long position, and that nothing of it is lost on the way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.engine.history import segments
from lakehouse_assets.engine.history.ledger import Statement, parse
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.history.segments import KEPT, LostSegmentError
from lakehouse_assets.errors import BrokenContractError

FILES = 100_000
SMALL_BYTES = 20_000


@dataclass
class Folder:
    """A store in memory; counts what is asked of it."""

    objects: dict[str, bytes] = field(default_factory=dict)
    reads: int = 0
    where: str = "s3://lake/bronze/x/_positions"

    def names(self) -> frozenset[str]:
        return frozenset(self.objects)

    def get(self, name: str) -> bytes | None:
        self.reads += 1
        return self.objects.get(name)

    def put(self, name: str, body: bytes) -> None:
        assert hashlib.sha256(body).hexdigest() == name
        assert self.objects.setdefault(name, body) == body


@pytest.fixture(autouse=True)
def a_fresh_process() -> Iterator[None]:
    KEPT.clear()
    yield
    KEPT.clear()


def files(count: int, first: int = 0) -> list[Slice]:
    return [Slice(f"2026-01-01T00:00:00.000Z {n:07}.csv {n:032x}", 0, 0, n + 1) for n in range(first, first + count)]


def plain(position: Position) -> list[Slice]:
    return list(position.slices())


@st.composite
def long_histories(draw) -> list[Slice]:
    """Slices of many ids in an order in which a table could take them; mostly whole files, some in pieces."""
    size = draw(st.sampled_from([0, 1, 99, 100, 101, 250, 999, 1_000, 1_001, 2_345]))
    taken = files(size)
    for at in draw(st.lists(st.integers(0, max(0, size - 1)), max_size=3 if size else 0, unique=True)):
        old = taken[at]
        extra = draw(st.integers(0, 9))
        taken.append(Slice(old.topic_id, draw(st.integers(0, 1)), old.end + extra, old.end + extra + 5))
    return taken


@settings(max_examples=40)
@given(long_histories(), st.integers(0, 300), st.booleans())
def test_what_a_commit_says_is_read_back_whole(slices, more, forget):
    """Sealing and reading is the identity, order included, and taking in more commutes with it."""
    folder, whole = Folder(), Position().advance(slices)
    new = files(more, first=50_000)

    said = json.loads(json.dumps(segments.state(folder, whole)))
    if forget:
        KEPT.clear()
    read = segments.read(folder, said)

    assert (len(read), read == whole, whole == read) == (len(whole), True, True)
    assert read.since(whole) == whole.since(read) == ()
    assert read.advance(new) == whole.advance(new)
    assert read.advance(new).topic_ids == whole.advance(new).topic_ids
    assert whole.advance(new).since(read) == tuple(new)
    assert plain(read) == plain(whole)
    assert segments.state(folder, read) == said
    assert segments.shortened(whole) == segments.shortened(segments.read(folder, said))
    assert Position.from_json(whole.to_json()) == read


@settings(max_examples=20)
@given(long_histories())
def test_what_a_commit_says_is_bounded(slices):
    """99 versions, and nine segments of each size at most."""
    said = segments.state(Folder(), Position().advance(slices))

    assert sum("segment" in each for each in said) <= 9 * len(segments.SIZES)
    assert sum("segment" not in each for each in said) < segments.SIZES[-1]


def test_100_000_files_are_one_object_and_few_words():
    folder, position = Folder(), Position().advance(files(FILES + 99))

    said = Statement("increment", "run", position=position).to_json(lambda each: segments.state(folder, each))
    KEPT.clear()
    read = parse(said, "t", lambda body: segments.read(folder, body))

    assert len(said) < SMALL_BYTES
    assert read.position.topic_ids == tuple(part.topic_id for part in files(FILES + 99))
    assert (len(folder.objects), folder.reads) == (1, 1)


def test_a_history_is_walked_without_reading_a_segment():
    """Comparing what two commits say needs only their words."""
    folder = Folder()
    position = Position().advance(files(1_234))
    older, newer = (segments.state(folder, each) for each in (position, position.advance(files(1, 9_999))))
    KEPT.clear()

    one, same, other = segments.read(folder, older), segments.read(folder, older), segments.read(folder, newer)

    assert one == same
    assert one != other
    assert not other.is_within(one)
    assert (len(one), len(other), bool(one)) == (1_234, 1_235, True)
    assert folder.reads == 0


def test_a_segment_is_read_once_and_written_once():
    """Tables that have taken the same files share what this process has read."""
    bronze, silver, position = Folder(), Folder(), Position().advance(files(1_300))
    said = segments.state(bronze, position)
    segments.state(silver, position)
    KEPT.clear()

    assert segments.read(bronze, said).topic_ids == segments.read(silver, said).topic_ids
    assert (bronze.reads, silver.reads) == (4, 0)
    assert bronze.objects == silver.objects


def test_a_segment_that_was_deleted_meanwhile_is_written_again():
    """Also by a process that knows it: a table may have been reset by another one."""
    folder, position = Folder(), Position().advance(files(500))
    said = segments.state(folder, position)
    folder.objects.clear()

    assert segments.state(folder, position.advance(files(1, 9_999)))[:5] == said
    KEPT.clear()
    assert len(segments.read(folder, said).topic_ids) == 500


@pytest.mark.parametrize("damage", [None, b"", b'{"files":{}}'])
def test_a_lost_segment_is_named_and_never_taken_for_nothing(damage):
    """Gone, cut off, or another content: an error with the object's address, at each try."""
    folder, position = Folder(), Position().advance(files(250))
    said = segments.state(folder, position)
    name = said[0]["segment"]
    KEPT.clear()
    if damage is None:
        del folder.objects[name]
    else:
        folder.objects[name] = damage

    read = segments.read(folder, said)

    assert bool(read)
    assert read != position
    assert read == segments.read(folder, said)
    assert not segments.is_readable(read)
    for look in (lambda: read.topic_ids, lambda: Position().since(read), lambda: read.advance(())):
        with pytest.raises(LostSegmentError, match=rf"s3://lake/bronze/x/_positions/{name}.json: .*position.*Put that"):
            look()


def test_an_older_statement_is_read_as_it_is():
    """Everything in the commit, however much."""
    position = Position().advance(files(2_000))
    assert parse(Statement("increment", "run", position=position).to_json(), "t").position == position
    assert json.loads(Statement("increment", "run", position=position).to_json())["lakehouse"]["format"] == 1


def test_an_older_release_does_not_misread_a_sealed_statement():
    """The format says that it needs a newer one."""
    said = Statement("increment", "run", position=Position().advance(files(100)))
    body = json.loads(said.to_json(lambda each: segments.state(Folder(), each)))

    assert body["lakehouse"]["format"] == 2
    body["lakehouse"]["format"] = 3
    with pytest.raises(BrokenContractError, match="reads up to 2"):
        parse(json.dumps(body), "t")


def test_kafkas_positions_stay_in_the_commit():
    position = Position().advance([Slice("A", p, 0, 9) for p in range(500)]).led("A", {0: 3})
    folder = Folder()

    assert segments.state(folder, position) == position.to_json()
    assert folder.objects == {}
