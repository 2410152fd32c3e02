"""Where a table's upstreams meet: versions of them that hold the same records of each source that they share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.errors import PlanError

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable
    from lakehouse_assets.engine.table import Table


@dataclass(frozen=True)
class State:
    """A position of a table, and the newest version at which it stands there."""

    version: int
    position: Position


@dataclass(frozen=True)
class Meeting:
    """What a table may be computed from."""

    versions: Mapping[str, int]
    """By key of the upstream; -1 for one that does not exist yet."""
    position: Position
    """What all of them hold together."""


def meet(lake: Lake, table: Table) -> Meeting | None:
    """The newest versions of a table's upstreams at which they hold the same of each source that several have.

    None where one of them is not yet, or no longer, at a position that the others were at: then the table waits.
    """
    at = {each.key: _newest(lake, each) for each in table.upstreams}
    shared = {source: _readers(table, source) for source in table.sources if len(_readers(table, source)) > 1}
    topic_ids = {source: topic_ids_of(lake, source) for source in shared}
    while apart := _apart(at, shared, topic_ids):
        key, ids, lowest = apart
        earlier = (each for each in states(lake, key) if each.version <= at[key].version)
        found = next((each for each in earlier if each.position.only(ids).is_within(lowest)), None)
        if found is None:
            return None
        at[key] = found
    return Meeting({key: each.version for key, each in at.items()}, joined(each.position for each in at.values()))


def _apart(
    at: Mapping[str, State],
    shared: Mapping[SourceTable, Collection[str]],
    topic_ids: Mapping[SourceTable, Collection[str]],
) -> tuple[str, Collection[str], Position] | None:
    """An upstream that is ahead of another one of the same source, the source's topic ids, and where the other is."""
    for source, keys in shared.items():
        ids = topic_ids[source]
        positions = {key: at[key].position.only(ids) for key in keys}
        lowest = min(positions.values(), key=lambda each: sum(map(len, each.slices())))
        ahead = next((key for key, each in positions.items() if not each.is_within(lowest)), None)
        if ahead is not None:
            return ahead, ids, lowest
    return None


def _readers(table: Table, source: SourceTable) -> list[str]:
    return [each.key for each in table.upstreams if source in each.sources]


def _newest(lake: Lake, table: Table) -> State:
    ledger = ledger_of(lake, table)
    return State(ledger.version, ledger.position)


def topic_ids_of(lake: Lake, source: SourceTable) -> frozenset[str]:
    """The topic ids, or file versions, by which other tables' positions tell this source from another."""
    return frozenset(ledger_of(lake, source).position.topic_ids)


def joined(positions: Iterator[Position]) -> Position:
    """Positions of different sources, or the same of one, as one."""
    return Position({topic_id: parts for each in positions for topic_id, parts in each.epochs.items()})


def states(lake: Lake, key: str) -> Iterator[State]:
    """The positions of a table, newest first, each with the newest version that holds exactly it."""
    end = None
    for commit in lake.commits(key):
        end = commit.version + 1 if end is None else end
        stated = commit.statement.position if commit.statement else None
        if stated is not None:
            yield State(end - 1, stated)
            end = commit.version


def at(lake: Lake, table: Table, position: Position) -> Meeting:
    """The newest versions of a table's upstreams that hold exactly a position of it.

    Raises:
        PlanError: the history of one of them no longer reaches it.
    """
    return Meeting({each.key: _version_at(lake, table, each, position) for each in table.upstreams}, position)


def _version_at(lake: Lake, table: Table, upstream: Table, position: Position) -> int:
    if len(table.sources) > 1:
        held = {topic_id for source in upstream.sources for topic_id in topic_ids_of(lake, source)}
        position = position.only(held)
    return version_at(lake, upstream.key, position)


def version_at(lake: Lake, key: str, position: Position) -> int:
    """The newest version of a table that holds exactly this position; -1 for none of a table that does not exist.

    Raises:
        PlanError: the table's history no longer reaches it.
    """
    for state in states(lake, key):
        if state.position == position:
            return state.version
    if not position and lake.version(key) < 0:
        return -1
    raise PlanError(
        "its history no longer holds the position of the table that is to be rebuilt from it",
        where=key,
        do="Let the next increment run first: it brings both to the same position",
    )
