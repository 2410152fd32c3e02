"""Holds as Dagster shows them: a check of each table that says whether it is held, since when, and what to type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    DagsterInstance,
    asset_check,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from lakehouse_assets.engine.flow import below
from lakehouse_assets.engine.history.holds import Hold
from lakehouse_assets.engine.orchestration import holding
from lakehouse_assets.engine.table import Table
from lakehouse_assets.settings import load

NOT_HELD = "not_held"
"""Left out of the alerts: the rule that broke, or the run that failed, is told."""
_PROMISE = "Neither the table nor what it lives on is held. A held table takes no batch until somebody looked."


def hold_check(table: Table, tables: Sequence[Table]) -> AssetChecksDefinition:
    """The check of one table, for whoever asks between two batches."""

    @asset_check(asset=table.asset_key, name=NOT_HELD, description=_PROMISE)
    def check() -> AssetCheckResult:
        standing = holding.standing(load(), [each for each in tables if table in (each, *below(each, tables))])
        hold = next(iter(standing.values()), None)
        return AssetCheckResult(
            passed=hold is None, severity=AssetCheckSeverity.WARN, metadata=_facts(table, hold) if hold else {}
        )

    return check


def verdicts(table: Table, tables: Sequence[Table], hold: Hold | None) -> Iterator[AssetCheckEvaluation]:
    """Of the table, and of those that wait for it; for a while, where it is a hold of that kind."""
    for each in (table, *below(table, tables)):
        yield AssetCheckEvaluation(
            asset_key=each.asset_key,
            check_name=NOT_HELD,
            passed=hold is None,
            severity=AssetCheckSeverity.WARN,
            description=_PROMISE,
            metadata=_facts(each, hold) if hold else {},
        )


def is_held(instance: DagsterInstance, table: str) -> bool:
    """Whether the newest verdict says so."""
    key = AssetCheckKey(AssetKey(table.split("/")), NOT_HELD)
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key([key]).get(key)
    return newest is not None and newest.status == AssetCheckExecutionRecordStatus.FAILED


def _facts(table: Table, hold: Hold) -> Mapping[str, Any]:
    waits = {} if table.key == hold.table else {"waits for": hold.table}
    return {**waits, "since": hold.since, "why, and what to do": hold.reason, "tries": hold.tries, "run": hold.run_id}
