"""How far each table has come: for people, the CLI and the demo. Reads logs, offsets and listings, no rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lakehouse_assets.engine.flow import below, sources
from lakehouse_assets.engine.history import clock
from lakehouse_assets.engine.history.holds import Hold
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.meeting import topic_ids_of
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.orchestration import holding
from lakehouse_assets.engine.sources.kafka import TopicNotFoundError
from lakehouse_assets.engine.sources.planning import Waits
from lakehouse_assets.engine.sources.source import Source
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.engine import standing_ledger
from lakehouse_assets.errors import BrokenContractError, UnavailableError
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable


@dataclass(frozen=True)
class TableProgress:
    """One table against the source it comes from."""

    key: str
    version: int
    """Delta version; -1 for a table that does not exist yet."""
    position: Position
    taken: int
    """How much the table has taken in, in the source's unit."""
    lag: int
    """How far the table is behind the source, in the source's unit; 0 for a source that does not exist yet."""
    unit: str
    """`offsets` or `files`."""
    waits_for_source: bool = False
    """Nobody has made the topic yet."""
    source: str = ""
    """The source in words, where the table has several."""
    waits: Waits | None = None
    """What the source holds and nobody may read yet; told of the bronze table, counted in no lag."""

    @property
    def label(self) -> str:
        """The key, and of which source it is told where there are several."""
        return f"{self.key} ({self.source})" if self.source else self.key


@dataclass(frozen=True)
class Holding:
    """What one table holds."""

    rows: int
    quarantined: int
    """Rows in its quarantine; for a moment also what a dead run left there."""
    age_seconds: float | None
    """Since the newest increment; None before the first one."""


def snapshot(settings: Settings, tables: Sequence[Table], lake: Lake | None = None) -> list[TableProgress]:
    """Every table, in the order of the flow; of a `lake` that is looked at already.

    Raises:
        UnavailableError: a source or the store does not answer.
    """
    lake = lake or Lake(settings)
    progress: list[TableProgress] = []
    for bronze in sources(tables):
        source, chain = bronze.reader(settings), (bronze, *below(bronze, tables))
        ledgers = [of_source(lake, table, bronze) for table in chain]
        lags = _lags(source, [ledger.position for ledger in ledgers])
        for number, (table, ledger) in enumerate(zip(chain, ledgers, strict=True)):
            found = _of(table, source, ledger, None if lags is None else lags[number])
            progress.append(replace(found, source=bronze.origin) if len(table.sources) > 1 else found)
        if lags is not None:
            first = len(progress) - len(chain)
            progress[first] = replace(progress[first], waits=source.waits())
    return progress


def of_source(lake: Lake, table: Table, source: SourceTable) -> Ledger:
    """A table's ledger, with what it has taken in of one of its sources."""
    ledger = lake.ledger(table.key)
    if len(table.sources) < 2:
        return ledger
    return replace(ledger, position=ledger.position.only(topic_ids_of(lake, source)))


def _lags(source: Source, positions: Sequence[Position]) -> Sequence[int] | None:
    try:
        return source.lags(positions)
    except TopicNotFoundError:
        return None


def _of(table: Table, source: Source, ledger: Ledger, lag: int | None) -> TableProgress:
    position = ledger.position
    taken = source.taken(position)
    return TableProgress(table.key, ledger.version, position, taken, lag or 0, source.unit, lag is None)


def holdings(lake: Lake, tables: Sequence[Table]) -> dict[str, Holding]:
    """What each table holds, by key; a table that does not exist yet holds nothing."""
    return {
        table.key: Holding(lake.rows(table.key), lake.rows(table.quarantine), _age_seconds(lake, table.key))
        for table in tables
    }


def waiting(settings: Settings, tables: Sequence[Table]) -> list[str]:
    """One line for each table that is held or waits: since when, why, what to type, and who waits for it.

    Raises:
        UnavailableError: a source or the store does not answer.
    """
    found = holding.standing(settings, tables)
    lines = [_line(settings, table, tables, found[table.key]) for table in tables if table.key in found]
    return [*lines, *(loss for source in sources(tables) if (loss := _loss(settings, source)))]


def _line(settings: Settings, table: Table, tables: Sequence[Table], hold: Hold) -> str:
    behind = ", ".join(each.key for each in below(table, tables))
    return holding.shown(settings, hold) + (f" For it waits: {behind}." if behind else "")


def _loss(settings: Settings, table: SourceTable) -> str:
    """What a source has lost beyond the table's position; empty for nothing."""
    try:
        table.reader(settings).plan(standing_ledger(Lake(settings), table))
    except BrokenContractError as error:
        return str(error)
    except UnavailableError:
        return ""
    return ""


def _age_seconds(lake: Lake, key: str) -> float | None:
    for commit in lake.commits(key):
        if commit.statement and commit.statement.kind == "increment":
            age = clock.age(lake.settings, key, commit.version)
            return None if age is None else age.total_seconds()
    return None
