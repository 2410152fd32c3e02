"""Statements without rows: a commit that only says something, made sure to be there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from lakehouse_assets.engine.history.ledger import Commit, Statement
from lakehouse_assets.engine.writing import conflicts, delta
from lakehouse_assets.engine.writing.spark_writer import SparkWriter

TRIES = 5


def state(target: delta.Target, statement: Statement, known_version: int, apart: str) -> Commit:
    """Commits a statement planned from `known_version`, beside whatever batches are written; returns its commit.

    `apart` names the table's own series of such statements. Its numbers come from Delta, not from a clock: where two
    say something at once, Delta skips one of them, and it is said again.

    Raises:
        SupersededError: others said something every time.
    """
    said = replace(statement, planned_from=known_version, at=datetime.now(UTC).isoformat())
    app_id = f"{target.key}/{apart}"
    for _ in range(TRIES):
        number = target.lake.newly(target.key).transaction_version(target.key, app_id) + 1
        _try(target, said, delta.Transaction(app_id, number))
        if commit := _find(target, said, known_version):
            return commit
    raise conflicts.superseded(target.key)


def _try(target: delta.Target, said: Statement, transaction: delta.Transaction) -> None:
    conflicts.past_compaction(lambda: SparkWriter(target).state(said, transaction), lambda: True, target.key)


def _find(target: delta.Target, said: Statement, known_version: int) -> Commit | None:
    for commit in target.lake.newly(target.key).history(target.key):
        if commit.version <= known_version:
            break
        if commit.statement == said:
            return commit
    return None
