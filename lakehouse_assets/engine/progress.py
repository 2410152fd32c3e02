"""How far each table has come: for people, the CLI and the demo. Reads logs and offsets, no rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse_assets.engine import kafka
from lakehouse_assets.engine.lake import Lake
from lakehouse_assets.engine.pipelines import downstream
from lakehouse_assets.engine.planning import TopicState
from lakehouse_assets.engine.position import Position
from lakehouse_assets.engine.tables import KafkaTable, Table
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class TableProgress:
    """One table against the topic it comes from."""

    key: str
    topic: str
    version: int
    """Delta version; -1 for a table that does not exist yet."""
    position: Position
    lag: int
    """Offsets between the table's position and the topic's last stable offsets."""


@dataclass(frozen=True)
class Holding:
    """What one table holds."""

    rows: int
    quarantined: int
    """Rows in its quarantine; for a moment also what a dead run left there."""
    age_seconds: float | None
    """Since the newest increment; None before the first one."""


def snapshot(settings: Settings, tables: Sequence[Table]) -> list[TableProgress]:
    """Every table, in the order of the flow.

    Raises:
        UnavailableError: the broker or the store does not answer; or the topic does not exist yet.
    """
    lake = Lake(settings)
    progress = []
    for source in (table for table in tables if isinstance(table, KafkaTable)):
        state = kafka.topic_state(settings, source.topic)
        for table in (source, *downstream(source, tables)):
            ledger = lake.ledger(table.key)
            lagging = lag(state, ledger.position)
            progress.append(TableProgress(table.key, source.topic, ledger.version, ledger.position, lagging))
    return progress


def holdings(lake: Lake, tables: Sequence[Table]) -> dict[str, Holding]:
    """What each table holds, by key; a table that does not exist yet holds nothing."""
    return {
        table.key: Holding(lake.rows(table.key), lake.rows(table.quarantine), _age_seconds(lake, table.key))
        for table in tables
    }


def _age_seconds(lake: Lake, key: str) -> float | None:
    for commit in lake.commits(key):
        if commit.statement and commit.statement.kind == "increment":
            return max(0.0, time.time() - commit.timestamp_ms / 1000)
    return None


def lag(state: TopicState, position: Position) -> int:
    """Offsets that a table has still to take in."""
    return sum(
        max(0, end - max(position.next_offset(state.topic_id, partition) or 0, state.log_start[partition]))
        for partition, end in state.last_stable.items()
    )
