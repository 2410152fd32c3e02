"""Which days of a table changed since an answer was computed from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from lakehouse_assets.engine.grids import Partition, ordered
from lakehouse_assets.engine.history.ledger import Commit, Statement
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.segments import is_readable
from lakehouse_assets.engine.history.walking import sound, standing

Days = tuple[Partition, ...]
Touched = Callable[[Partition], Iterable[Partition]]


@dataclass(frozen=True)
class Known:
    """What an answer knows of a table that it is computed from."""

    by_day: Mapping[Partition, int] = field(default_factory=dict)
    """The version of the source that each day was last computed from."""
    of_all: int = -1
    """The version that the answer's position was computed from: older changes of any day are in it."""

    def lacks(self, day: Partition, version: int) -> bool:
        """Whether the day was computed before this version of the source."""
        return version > self.by_day.get(day, -1)

    def has_read(self, day: Partition, version: int, until: int) -> bool:
        """Whether the day was last computed from this version or a later one before `until`."""
        return version <= max(self.by_day.get(day, -1), self.of_all) < until


def days_since(source: Iterable[Commit], known: Known, position: Position, touched: Touched) -> Days | None:
    """Partitions of an answer for which commits of a source count that came after what the answer knows of it.

    Those after the one that stated `position`, as far as no own commit has read them; `touched` says which partitions
    of the answer one of the source's is needed for. A RESTORE touches the partitions of the commits that it takes back.
    A restatement of the position ends nothing: what came before it counts as well, down to the version that the answer
    was computed from. None when the source's history does not reach that far; all of a source that is new to the
    answer.
    """
    days, oldest, stated = set[Partition](), -1, Position()
    restore: tuple[int, int] | None = None
    for commit in sound(source):
        oldest = commit.version
        stated = stated or (commit.statement and commit.statement.position) or Position()
        own = {each for day in _days(commit.statement) for each in touched(day)}
        if restore and commit.version > restore[1]:
            days.update(day for day in own if known.has_read(day, commit.version, until=restore[0]))
            continue
        restore = restore if commit.restored_to is None else (commit.version, commit.restored_to)
        if _is_origin(commit.statement, position) or commit.version <= known.of_all:
            return tuple(ordered(days))
        days.update(day for day in own if known.lacks(day, commit.version))
    is_new = oldest == 0 and not position.only(stated.topic_ids)
    return tuple(ordered(days)) if is_new else None


def _days(said: Statement | None) -> tuple[Partition, ...]:
    return said.days if said else ()


def _is_origin(said: Statement | None, position: Position) -> bool:
    return said is not None and said.restated is None and said.position == position


def days_beyond(source: Iterable[Commit], position: Position) -> tuple[Partition, ...] | None:
    """Days on which commits of a source table put rows that a position does not hold yet, and perhaps some others.

    None when the source's history does not reach back to the position.
    """
    days: set[Partition] = set()
    for commit in standing(sound(source)):
        said = commit.statement
        if said is not None and said.position is not None and _is_within(said.position, position):
            return tuple(ordered(days))
        days.update(_days(said))
    return None


def _is_within(stated: Position, position: Position) -> bool:
    """Of an older commit's position that can no longer be read, nothing is known."""
    return len(stated) <= len(position) and is_readable(stated) and stated.is_within(position)


def known_by(own: Iterable[Commit], key: str, position: Position) -> Known:
    """What the own commits have read of a table since the position was stated."""
    versions: dict[Partition, int] = {}
    for commit in standing(sound(own)):
        said = commit.statement
        if said is None:
            continue
        for day in said.days:
            versions.setdefault(day, said.version_of(key))
        if said.position == position and said.version_of(key) >= 0:
            return Known(versions, said.version_of(key))
        if said.position not in (None, position):
            break
    return Known(versions)
