"""What an increment may read: pure decisions over a topic's offsets and a table's ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lakehouse_assets.engine.history.position import Position, Slice, cap
from lakehouse_assets.errors import LossError

_SECONDS_PER_MINUTE = 60.0
_RECOVERED = (
    "; the table's log no longer states its position, which was recovered from its rows: these offsets may be records"
    " that are lost, or nothing but transaction markers and aborted messages, which never become rows"
)


@dataclass(frozen=True)
class TopicState:
    """A topic as the broker reports it; each mapping is partition -> offset."""

    topic: str
    topic_id: str
    log_start: Mapping[int, int]
    last_stable: Mapping[int, int]
    first_start: Mapping[int, int] = field(default_factory=dict)
    """Where a table without a position begins; a partition that is not named begins at its log start."""
    high: Mapping[int, int] = field(default_factory=dict)
    """Where the log ends, records of open transactions included."""
    leader_epochs: Mapping[int, int] = field(default_factory=dict)
    """How often each partition has had another leader: only then can a log have been cut."""

    @property
    def unstable(self) -> Mapping[int, int]:
        """Offsets by partition that are written and cannot be read before a transaction ends; none is left out."""
        behind = {partition: self.high.get(partition, 0) - end for partition, end in self.last_stable.items()}
        return {partition: offsets for partition, offsets in behind.items() if offsets > 0}


@dataclass(frozen=True)
class Waits:
    """Records that are there and that nobody may read yet."""

    offsets: int
    since: datetime | None
    """The time of the oldest of them, by its producer or broker; None where it could not be read."""

    def __str__(self) -> str:
        since = "" if self.since is None else f" since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.offsets:,} offsets are behind an open transaction{since}"

    def minutes(self, now: float) -> float:
        """For how long, at a time in epoch seconds."""
        return 0.0 if self.since is None else (now - self.since.timestamp()) / _SECONDS_PER_MINUTE


@dataclass(frozen=True)
class Led:
    """How far a table has read a partition, and at which leader epoch."""

    partition: int
    end: int
    leader_epoch: int


@dataclass(frozen=True)
class Acceptance:
    """A person's word that a loss is known: `resume` says where each partition goes on."""

    topic_id: str
    resume: Mapping[int, int]
    lost: tuple[Slice, ...] = ()


def plan(
    table: str,
    state: TopicState,
    position: Position,
    accepted: tuple[Acceptance, ...] = (),
    most: int = 250_000,
    *,
    recovered: bool = False,
) -> tuple[Slice, ...]:
    """The next slices to read, at most `most` records; empty when there is nothing new.

    `recovered` says that the position was read off the table's rows, because its log no longer states it.

    Raises:
        LossError: the topic was recreated, or records between the table's position and the topic's log are gone.
    """
    resume = resume_offsets(state, accepted)
    if not position and not resume:
        return cap(_first_slices(state), most)
    _check_topic(table, state, position, resume)
    wanted = [_backlog(state, position, resume, partition) for partition in sorted(state.last_stable)]
    _check_truncated(table, state, [part for part in wanted if part.end < part.start])
    _check_log_start(table, state, [_lost(state, part) for part in wanted if _lost(state, part)], recovered)
    return cap([part for part in wanted if len(part) or _moves(part, position)], most)


def resume_offsets(state: TopicState, accepted: tuple[Acceptance, ...]) -> dict[int, int]:
    """Where acceptances let each partition of the current topic go on."""
    resume: dict[int, int] = {}
    for acceptance in accepted:
        if acceptance.topic_id == state.topic_id:
            resume |= acceptance.resume
    return resume


def _first_slices(state: TopicState) -> list[Slice]:
    begins = {p: state.first_start.get(p, state.log_start[p]) for p in sorted(state.last_stable)}
    return [
        Slice(state.topic_id, p, begin, max(begin, state.last_stable[p]))
        for p, begin in begins.items()
        if state.last_stable[p] > begin or begin > 0 or p in state.first_start
    ]


def _check_topic(table: str, state: TopicState, position: Position, resume: Mapping[int, int]) -> None:
    if not position or position.topic_ids[-1] == state.topic_id or resume:
        return
    raise LossError(
        f"topic {state.topic} was recreated: the table follows id {position.topic_ids[-1]},"
        f" the broker now serves {state.topic_id}; what the old topic held beyond the table's position is gone",
        where=table,
        do=f"Run `lakehouse accept {table}` to go on with the new topic from its first offset",
    )


def _backlog(state: TopicState, position: Position, resume: Mapping[int, int], partition: int) -> Slice:
    start = max(position.next_offset(state.topic_id, partition) or 0, resume.get(partition, 0))
    return Slice(state.topic_id, partition, start, state.last_stable[partition])


def _moves(part: Slice, position: Position) -> bool:
    """Whether an empty slice still says something: where an accepted loss lets the partition go on."""
    return part.start != (position.next_offset(part.topic_id, part.partition) or 0)


def _lost(state: TopicState, backlog: Slice) -> Slice | None:
    begin = state.log_start[backlog.partition]
    if backlog.start >= begin:
        return None
    return Slice(backlog.topic_id, backlog.partition, backlog.start, begin)


def _check_truncated(table: str, state: TopicState, ahead: list[Slice]) -> None:
    if not ahead:
        return
    where = ", ".join(f"partition {part.partition} ends at {part.end}, the table at {part.start}" for part in ahead)
    raise LossError(
        f"topic {state.topic} lost its newest records: {where}; offsets would be given out twice",
        where=table,
        do=f"Restore the topic, or recreate it and run `lakehouse accept {table}`",
    )


def _check_log_start(table: str, state: TopicState, lost: list[Slice | None], recovered: bool) -> None:
    ranges = [f"partition {part.partition} offsets {part.start} to {part.end - 1}" for part in lost if part]
    if not ranges:
        return
    raise LossError(
        f"topic {state.topic} no longer holds {', '.join(ranges)}" + (_RECOVERED if recovered else ""),
        where=table,
        do=f"Restore the topic, or run `lakehouse accept {table}` to record the loss and go on after it",
    )


def led_anew(state: TopicState, position: Position, accepted: tuple[Acceptance, ...]) -> tuple[Led, ...]:
    """The partitions that have had another leader since the position was stated: their logs may have been cut."""
    if resume_offsets(state, accepted):
        return ()
    known = position.leader_epochs.get(state.topic_id, {})
    return tuple(
        Led(partition, position.next_offset(state.topic_id, partition) or 0, epoch)
        for partition, epoch in sorted(known.items())
        if state.leader_epochs.get(partition, epoch) != epoch
    )


def check_cut(table: str, state: TopicState, cut: Mapping[Led, int]) -> None:
    """Refuses to go on in logs that were cut below the position: `cut` says where each one was.

    Raises:
        LossError: there is one.
    """
    if not cut:
        return
    places = [f"partition {at.partition} at {end}, the table has read up to {at.end}" for at, end in cut.items()]
    where = ", ".join(places)
    raise LossError(
        f"topic {state.topic} was cut and went on from there: {where}; these offsets now are other records",
        where=table,
        do=f"Restore the topic, or run `lakehouse accept {table}` to go on where the table ends, without them",
    )


def acceptance(state: TopicState, position: Position, accepted: tuple[Acceptance, ...]) -> Acceptance:
    """The acceptance that lets the table go on from the topic as it is now."""
    resume = resume_offsets(state, accepted)
    backlog = [_backlog(state, position, resume, partition) for partition in sorted(state.log_start)]
    lost = [_lost(state, part) for part in backlog] if state.topic_id in position.topic_ids else []
    onward = {part.partition: max(part.start, state.log_start[part.partition]) for part in backlog}
    return Acceptance(state.topic_id, onward, tuple(part for part in lost if part))


def still_held(state: TopicState, position: Position) -> tuple[Slice, ...]:
    """What the topic still holds of the coordinates in a position."""
    held = []
    for part in position.slices():
        begin = state.log_start.get(part.partition)
        if part.topic_id == state.topic_id and begin is not None and max(begin, part.start) < part.end:
            held.append(Slice(part.topic_id, part.partition, max(begin, part.start), part.end))
    return tuple(held)


def lag(state: TopicState, position: Position) -> int:
    """Offsets that a table has still to take in."""
    return sum(
        max(0, end - max(position.next_offset(state.topic_id, partition) or 0, state.log_start[partition]))
        for partition, end in state.last_stable.items()
    )
