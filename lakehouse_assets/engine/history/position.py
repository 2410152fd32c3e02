"""Positions: which source records a table contains, in the source's own words.

A coordinate is (topic id, partition, offset). A `Slice` is a run of offsets of one partition, a `Position` everything a
table has taken in so far: for each topic id, in the order they were accepted, and each partition the offset ranges.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Range = tuple[int, int]
Epochs = Mapping[str, Mapping[int, tuple[Range, ...]]]
"""Offset ranges by topic id and partition."""


@dataclass(frozen=True, order=True)
class Slice:
    """Offsets `start <= offset < end` of one partition; an empty one only marks where a table begins."""

    topic_id: str
    partition: int
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def to_json(self) -> list[Any]:
        """As `[topic_id, partition, start, end]`."""
        return [self.topic_id, self.partition, self.start, self.end]


@dataclass(frozen=True, eq=False)
class Position:
    """Offset ranges by topic id (oldest accepted first) and partition; ranges are sorted and never touch."""

    epochs: Epochs = field(default_factory=dict)
    leader_epochs: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """By topic id and partition, the leader epoch at which the end of the position was read: it tells later whether
    these offsets still are the same records. Says nothing about what the table holds."""

    def __bool__(self) -> bool:
        return len(self) > 0

    def __len__(self) -> int:
        """The number of topic ids."""
        return len(self.epochs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Position):
            return NotImplemented
        return len(self) == len(other) and self.epochs == other.epochs

    @property
    def topic_ids(self) -> tuple[str, ...]:
        """Topic ids in the order they were accepted."""
        return tuple(self.epochs)

    def next_offset(self, topic_id: str, partition: int) -> int | None:
        """The first offset not taken in yet; None for a partition never seen."""
        ranges = self.epochs.get(topic_id, {}).get(partition)
        return ranges[-1][1] if ranges else None

    def slices(self) -> Iterator[Slice]:
        """Every range, oldest topic first."""
        for topic_id, parts in self.epochs.items():
            yield from _slices(topic_id, parts)

    def advance(self, slices: Iterable[Slice]) -> Position:
        """This position with `slices` taken in; each must start at or after the next offset."""
        epochs = {**self.epochs}
        for part in slices:
            parts = epochs.get(part.topic_id, {})
            extended = _extend(parts.get(part.partition, ()), (part.start, part.end))
            epochs[part.topic_id] = {**parts, part.partition: extended}
        return Position(epochs, self.leader_epochs)

    def led(self, topic_id: str, leader_epochs: Mapping[int, int]) -> Position:
        """This position, read at these leader epochs by partition."""
        return Position(self.epochs, {topic_id: dict(leader_epochs)} if leader_epochs else {})

    def only(self, topic_ids: Collection[str]) -> Position:
        """What it says of these topic ids."""
        return Position({topic_id: parts for topic_id, parts in self.epochs.items() if topic_id in topic_ids})

    def since(self, older: Position) -> tuple[Slice, ...]:
        """What this position holds beyond `older`, where `older` is a prefix of it."""
        if self == older:
            return ()
        known = older.epochs
        moved = [(topic_id, parts) for topic_id, parts in self.epochs.items() if known.get(topic_id) != parts]
        found = (part for topic_id, parts in moved for part in _slices(topic_id, parts))
        return tuple(_beyond(part, older) for part in found if _is_beyond(part, older))

    def is_within(self, other: Position) -> bool:
        """Whether it holds nothing beyond another one."""
        return len(self) <= len(other) and not self.since(other)

    def to_json(self) -> list[dict[str, Any]]:
        """As `[{"topic_id", "partitions": {"0": [[start, end], ...]}}]`, oldest topic first."""
        return [
            {
                "topic_id": topic_id,
                "partitions": {str(p): [list(r) for r in rs] for p, rs in sorted(parts.items())},
            }
            | self._led(topic_id)
            for topic_id, parts in self.epochs.items()
        ]

    def _led(self, topic_id: str) -> dict[str, Any]:
        led = self.leader_epochs.get(topic_id)
        return {"leader_epochs": {str(p): epoch for p, epoch in sorted(led.items())}} if led else {}

    @classmethod
    def from_json(cls, epochs: list[dict[str, Any]]) -> Position:
        """The inverse of `to_json`."""
        return cls(
            {
                epoch["topic_id"]: {
                    int(p): tuple((start, end) for start, end in ranges) for p, ranges in epoch["partitions"].items()
                }
                for epoch in epochs
            },
            {
                epoch["topic_id"]: {int(p): number for p, number in epoch["leader_epochs"].items()}
                for epoch in epochs
                if "leader_epochs" in epoch
            },
        )


def _slices(topic_id: str, parts: Mapping[int, tuple[Range, ...]]) -> Iterator[Slice]:
    for partition, ranges in sorted(parts.items()):
        yield from (Slice(topic_id, partition, start, end) for start, end in ranges)


def _extend(ranges: tuple[Range, ...], new: Range) -> tuple[Range, ...]:
    if not ranges:
        return (new,)
    *rest, (start, end) = ranges
    if new[0] < end:
        raise ValueError(f"range {new} starts before the next offset {end}")
    if new[0] == end:
        return (*rest, (start, new[1]))
    return (*ranges, new)


def _is_beyond(part: Slice, older: Position) -> bool:
    known = older.next_offset(part.topic_id, part.partition)
    return known is None or part.end > known


def _beyond(part: Slice, older: Position) -> Slice:
    known = older.next_offset(part.topic_id, part.partition)
    return part if known is None or known <= part.start else Slice(part.topic_id, part.partition, known, part.end)


def cap(slices: Iterable[Slice], most: int) -> tuple[Slice, ...]:
    """The first `most` records of `slices`, shared among partitions by the size of their backlog.

    One slice a partition is taken, its first, so that what is left still follows on.
    """
    first = _first_of_each_partition(slices)
    total = sum(len(part) for part in first)
    if total <= most:
        return first
    shares = [len(part) * most // total for part in first]
    left = most - sum(shares)
    capped = []
    for part, share in zip(first, shares, strict=True):
        extra = 1 if left > 0 and share < len(part) else 0
        left -= extra
        capped.append(Slice(part.topic_id, part.partition, part.start, part.start + share + extra))
    return tuple(capped)


def _first_of_each_partition(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    first: dict[tuple[str, int], Slice] = {}
    for part in slices:
        first.setdefault((part.topic_id, part.partition), part)
    return tuple(first.values())


def halve(slices: Sequence[Slice]) -> tuple[Sequence[Slice], Sequence[Slice]] | None:
    """Two halves of the coordinates; None for a single one."""
    total = sum(map(len, slices))
    if total <= 1:
        return None
    left: list[Slice] = []
    right: list[Slice] = []
    room = total // 2
    for part in slices:
        cut = part.start + min(len(part), room)
        room -= cut - part.start
        left += [Slice(part.topic_id, part.partition, part.start, cut)] if cut > part.start else []
        right += [Slice(part.topic_id, part.partition, cut, part.end)] if part.end > cut else []
    return left, right


def without(slices: Sequence[Slice], left_out: Sequence[Slice]) -> tuple[Slice, ...]:
    """The slices without some coordinates."""
    kept = [*slices]
    for hole in left_out:
        kept = [piece for part in kept for piece in _around(part, hole)]
    return tuple(kept)


def _around(part: Slice, hole: Slice) -> Iterator[Slice]:
    if (part.topic_id, part.partition) != (hole.topic_id, hole.partition) or not _overlap(part, hole):
        yield part
        return
    if part.start < hole.start:
        yield Slice(part.topic_id, part.partition, part.start, hole.start)
    if hole.end < part.end:
        yield Slice(part.topic_id, part.partition, hole.end, part.end)


def _overlap(part: Slice, hole: Slice) -> bool:
    return hole.start < part.end and part.start < hole.end


def predicate(slices: Iterable[Slice], alias: str = "") -> str:
    """A SQL condition over `topic_id`, `partition` and `offset` that holds for exactly these coordinates.

    Files are taken whole, so that their names say it all, in one list: Spark takes no tree of so many terms.
    """
    dot = f"{alias}." if alias else ""
    held = [part for part in slices if len(part)]
    files = ", ".join(f"'{part.topic_id}'" for part in held if _is_whole_file(part))
    terms = [f"{dot}topic_id IN ({files})"] if files else []
    terms += [
        f"({dot}topic_id = '{part.topic_id}' AND {dot}`partition` = {part.partition}"
        f" AND {dot}`offset` >= {part.start} AND {dot}`offset` < {part.end})"
        for part in held
        if not _is_whole_file(part)
    ]
    return "(" + " OR ".join(terms) + ")" if terms else "FALSE"


def _is_whole_file(part: Slice) -> bool:
    """The id of a file version holds spaces, that of a topic none; no version is ever taken in pieces."""
    return part.start == 0 and part.partition == 0 and " " in part.topic_id
