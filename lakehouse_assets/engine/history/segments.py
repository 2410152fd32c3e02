"""Sealed segments: the older file versions of a position, in objects beside the table that never change.

A commit says its newest file versions itself, at most 99, and names the segments that hold the others: at most nine
of each size, and as many of the largest as it takes. A segment is called by the SHA-256 of its content, and is written
before the first commit that names it: one whose commit was never made harms nobody, and two writers write the same.
Old commits go on naming the smaller segments that a larger one has taken the place of, so none is ever deleted.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any, Final, Protocol

from lakehouse_assets.engine.history.position import Epochs, Position
from lakehouse_assets.errors import BrokenContractError

FOLDER: Final = "_positions"
"""Below the table; both Delta's and delta-rs's VACUUM leave folders alone whose name begins so."""
SIZES: Final = (100_000, 10_000, 1_000, 100)
_READERS: Final = 8
_MOST_SIZES: Final = 50_000
_MOST_KEPT: Final = 500_000
"""Topic ids; each takes up to 600 bytes."""


class LostSegmentError(BrokenContractError):
    """An object that holds a part of a table's position is gone, or holds something else."""


class Store(Protocol):
    """Where the segments of one table lie, by name. Each verb raises UnavailableError when nothing answers."""

    @property
    def where(self) -> str:
        """The folder, for people."""

    def names(self) -> frozenset[str]:
        """Of the segments that are there."""

    def get(self, name: str) -> bytes | None:
        """What a segment holds; None where it is not there."""

    def put(self, name: str, body: bytes) -> None:
        """Writes a segment, whole or not at all."""


@dataclass(frozen=True)
class Segment:
    """A run of topic ids, in the order they were accepted, with what was taken of each."""

    name: str
    epochs: Epochs

    def to_json(self) -> dict[str, Any]:
        """As a commit names it."""
        return {"segment": self.name, "topic_ids": len(self.epochs)}


class SealedPosition(Position):
    """A position as a commit says it; its segments are read when somebody asks for what they hold."""

    def __init__(self, sealed: Sequence[Mapping[str, Any]], rest: Position, load: Callable[[], Epochs]) -> None:
        object.__setattr__(self, "leader_epochs", {})
        object.__setattr__(self, "said", (*((each["segment"], each["topic_ids"]) for each in sealed),))
        object.__setattr__(self, "rest", rest)
        object.__setattr__(self, "load", load)

    said: tuple[tuple[str, int], ...]
    rest: Position
    load: Callable[[], Epochs]

    @cached_property
    def epochs(self) -> Epochs:
        """As of any other position.

        Raises:
            LostSegmentError: a segment is gone or damaged.
            UnavailableError: the store does not answer.
        """
        return {**self.load(), **self.rest.epochs}

    def __repr__(self) -> str:
        return f"SealedPosition({len(self)} topic ids)"

    def __len__(self) -> int:
        return sum(count for _, count in self.said) + len(self.rest)

    def __eq__(self, other: object) -> bool:
        """One that cannot be read is not known to equal another one that is said in other words."""
        if isinstance(other, SealedPosition) and self.said == other.said:
            return self.rest == other.rest
        try:
            return super().__eq__(other)
        except LostSegmentError:
            return False


def is_readable(position: Position) -> bool:
    """Whether every segment of it is there."""
    try:
        return position.epochs is not None
    except LostSegmentError:
        return False


class _Kept:
    """The segments that this process has read or written lately, by their name and by where they begin and end."""

    def __init__(self) -> None:
        self._segments: OrderedDict[str, Segment] = OrderedDict()
        self._names: dict[tuple[str, str, int], str] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Segment | None:
        with self._lock:
            if found := self._segments.get(name):
                self._segments.move_to_end(name)
            return found

    def like(self, part: Epochs) -> Segment | None:
        """One with exactly this content, in this order."""
        found = self.get(self._names.get(_ends(part), ""))
        return found if found and [*found.epochs] == [*part] and found.epochs == part else None

    def add(self, segment: Segment) -> Segment:
        with self._lock:
            self._segments[segment.name] = segment
            self._names[_ends(segment.epochs)] = segment.name
            while sum(len(each.epochs) for each in self._segments.values()) > _MOST_KEPT and len(self._segments) > 1:
                _, gone = self._segments.popitem(last=False)
                self._names.pop(_ends(gone.epochs), None)
        return segment

    def clear(self) -> None:
        with self._lock:
            self._segments.clear()
            self._names.clear()


KEPT: Final = _Kept()


def _ends(part: Epochs) -> tuple[str, str, int]:
    topic_ids = [*part]
    return topic_ids[0], topic_ids[-1], len(topic_ids)


def split(position: Position) -> tuple[tuple[Segment, ...], Position]:
    """The segments that hold a position's older topic ids, and the rest of it."""
    if position.leader_epochs or len(position) < SIZES[-1]:
        return (), position
    items = iter(position.epochs.items())
    segments = tuple(_segment(dict(islice(items, size))) for size in _sizes(len(position)))
    return segments, Position(dict(items))


def _sizes(count: int) -> Iterator[int]:
    for size in SIZES:
        times, count = divmod(count, size)
        yield from [size] * times


def _segment(part: Epochs) -> Segment:
    return KEPT.like(part) or KEPT.add(Segment(_digest(_body(part)), part))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _body(part: Epochs) -> bytes:
    """Whole files by their size; whatever else as in a commit."""
    files = {topic_id: parts[0][0][1] for topic_id, parts in part.items() if _is_whole(parts)}
    said = {"files": files} if len(files) == len(part) else {"epochs": Position(part).to_json()}
    return json.dumps(said, separators=(",", ":")).encode()


def _is_whole(parts: Mapping[int, tuple[tuple[int, int], ...]]) -> bool:
    return len(parts) == 1 and 0 in parts and len(parts[0]) == 1 and parts[0][0][0] == 0


def _parsed(name: str, body: bytes) -> Segment:
    said = json.loads(body)
    if "files" in said:
        return Segment(name, {topic_id: _whole(end) for topic_id, end in said["files"].items()})
    return Segment(name, Position.from_json(said["epochs"]).epochs)


@lru_cache(maxsize=_MOST_SIZES)
def _whole(end: int) -> Mapping[int, tuple[tuple[int, int], ...]]:
    return {0: ((0, end),)}


def shortened(position: Position) -> list[dict[str, Any]]:
    """A position in few words, equal for equal positions; nothing is written."""
    if isinstance(position, SealedPosition):
        return [*({"segment": name, "topic_ids": count} for name, count in position.said), *position.rest.to_json()]
    return _said(*split(position))


def _said(segments: Iterable[Segment], rest: Position) -> list[dict[str, Any]]:
    return [*(each.to_json() for each in segments), *rest.to_json()]


def state(store: Store, position: Position) -> list[dict[str, Any]]:
    """A position as a commit says it; the segments that it names are there afterwards.

    Raises:
        UnavailableError: the store does not answer.
    """
    segments, rest = split(position)
    there = store.names() if segments else frozenset[str]()
    return _said([each if each.name in there else _written(store, each) for each in segments], rest)


def _written(store: Store, segment: Segment) -> Segment:
    """Called by what it holds as this release writes it."""
    body = _body(segment.epochs)
    written = Segment(_digest(body), segment.epochs)
    store.put(written.name, body)
    return written


def read(store: Store, said: Sequence[dict[str, Any]]) -> Position:
    """The inverse of `state`; reads no segment yet."""
    sealed = [each for each in said if "segment" in each]
    rest = Position.from_json([each for each in said if "segment" not in each])
    if not sealed:
        return rest
    names = tuple(each["segment"] for each in sealed)
    return SealedPosition(sealed, rest, lambda: _joined(names, store))


def _joined(names: tuple[str, ...], store: Store) -> Epochs:
    joined: dict[str, Mapping[int, tuple[tuple[int, int], ...]]] = {}
    for each in _segments(names, store):
        joined.update(each.epochs)
    return joined


def _segments(names: Sequence[str], store: Store) -> list[Segment]:
    missing = [name for name in names if KEPT.get(name) is None]
    if missing:
        with ThreadPoolExecutor(_READERS) as readers:
            fetched = {each.name: each for each in readers.map(lambda name: _fetched(name, store), missing)}
    else:
        fetched = {}
    return [fetched.get(name) or KEPT.get(name) or _fetched(name, store) for name in names]


def _fetched(name: str, store: Store) -> Segment:
    body = store.get(name)
    if body is None or _digest(body) != name:
        raise LostSegmentError(
            f"a part of the table's position {'is gone' if body is None else 'holds something else than was written'}",
            where=f"{store.where}/{name}.json",
            do="Put that object back, or run `lakehouse maintain TABLE`: the position is made anew from its rows",
        )
    return KEPT.add(_parsed(name, body))
