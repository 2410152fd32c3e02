"""Restating: a table's position is said again before the log that holds it goes, and only then does old log go.

Nothing but maintenance cleans the log. So the ledger is always a few commits away, however long a topic is quiet, and
lives as long as its table.
"""

from __future__ import annotations

from dataclasses import replace

from deltalake import DeltaTable

from lakehouse_assets.engine.history import walking
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger, Statement
from lakehouse_assets.engine.history.recovery import ledger_of, of_quarantine
from lakehouse_assets.engine.history.segments import is_readable
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import delta, quarantine, stating

_CLEANS_ITSELF = "inCommitTimestamp"
"""Tables of older releases have it: only Spark can write them, which also cleans their log."""


def restate(target: delta.Target, table: Table, run_id: str) -> bool:
    """Says the position of a table or of its quarantine again, unless its newest commit says it; whether it did.

    A position that the history has lost is recovered from the rows, and so is not looked for again. Where anything is
    committed meanwhile that says something, that counts, and the restatement not.
    """
    known = _known(target.lake, table, target.key)
    if _is_held(target.lake, known, target.key) or not (known.held_version >= 0 or known.position):
        return False
    stating.state(target, _statement(target.lake, table, target.key, known, run_id), known.version, "restatement")
    return True


def _is_held(lake: Lake, known: Ledger, key: str) -> bool:
    return known.held_version == known.version and is_readable(lake.ledger(key).position)


def _known(lake: Lake, table: Table, key: str) -> Ledger:
    return ledger_of(lake, table) if key == table.key else of_quarantine(lake, key)


def _statement(lake: Lake, table: Table, key: str, known: Ledger, run_id: str) -> Statement:
    said = walking.restate(known, run_id)
    if key != table.quarantine:
        return said
    last = quarantine.last_write(lake, table).said
    said = replace(said, transaction=last.transaction if last else None)
    days = quarantine.unsettled_days(lake, table)
    return quarantine.open_statement(replace(said, days=days)) if days else said


def forget(lake: Lake, key: str, since: int) -> bool:
    """Checkpoints the table, and deletes the log entries beyond its retention; whether it did.

    Not where no log entry after version `since`, and not the newest one either, holds the position: it would be lost.
    """
    table = lake.open(key)
    if table is None or not _may_forget(table, lake.ledger(key), since):
        return False
    table.create_checkpoint()
    table.cleanup_metadata()
    return True


def _may_forget(table: DeltaTable, known: Ledger, since: int) -> bool:
    is_fresh = known.held_version > since or known.held_version == known.version
    return is_fresh and _CLEANS_ITSELF not in (table.protocol().writer_features or ())
