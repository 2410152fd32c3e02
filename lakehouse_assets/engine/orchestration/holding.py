"""Why a source's next batch waits: the one before it broke a contract, or failed a moment ago."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus, RunRecord

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.rules import ReferenceRule
from lakehouse_assets.engine.tables import DailyTable, EventTable, Table
from lakehouse_assets.errors import BrokenContractError, ContractError
from lakehouse_assets.settings import Settings

CODE_TAG = "lakehouse/code"
"""The version of the code that a run was asked for with."""
_HELD = "held until code, contract or an acceptance changes"


@dataclass(frozen=True)
class Breach:
    """The broken contract that ended a run."""

    step: str
    error: str
    """Its class."""
    message: str


def refused(
    instance: DagsterInstance, lake: Lake, tables: Sequence[Table], runs: Sequence[RunRecord], code: str
) -> str | None:
    """Why no batch is tried after one that a table refused; None to go on. `runs` are the source's, newest first.

    Later batches wait as well, whatever other tables have taken in meanwhile. What releases them: other code, or a
    commit that an acceptance, a rebuild or a replay made to the table, to the one it is made from, or to a reference.
    """
    if not runs or runs[0].dagster_run.status != DagsterRunStatus.FAILURE:
        return None
    last = runs[0]
    found = breach(instance, last.dagster_run.run_id)
    if found is None or found.error not in _names(ContractError) or last.dagster_run.tags.get(CODE_TAG) != code:
        return None
    since = last.end_time or time.time()
    concerned = [key for table in tables if table.name == found.step for key in _concerned(table)]
    if any(_stated_after(lake, key, since) for key in concerned):
        return None
    return f"{_HELD}: {found.message}"


def _concerned(table: Table) -> Iterator[str]:
    yield table.key
    if isinstance(table, EventTable | DailyTable):
        yield table.source.key
        yield from (rule.to for rule in table.contract.spanning if isinstance(rule, ReferenceRule))


def _stated_after(lake: Lake, key: str, since: float) -> bool:
    newest = next((commit for commit in lake.commits(key) if commit.statement is not None), None)
    return newest is not None and newest.timestamp_ms / 1000 > since


def hold(instance: DagsterInstance, settings: Settings, tried: Sequence[RunRecord], now: datetime) -> str | None:
    """Why not to try again yet; None to go on. `tried` are the runs from this very state, newest first."""
    if not tried:
        return None
    last = tried[0]
    broken = breach(instance, last.dagster_run.run_id)
    if broken:
        return f"{_HELD}: {broken.message}"
    wait = min(settings.retry_base_seconds * 2 ** (len(tried) - 1), settings.retry_cap_seconds)
    left = (last.end_time or time.time()) + wait - now.timestamp()
    if left <= 0:
        return None
    return f"try {len(tried)} failed (run {last.dagster_run.run_id[:8]}); the next one in {left:.0f} s"


def breach(instance: DagsterInstance, run_id: str) -> Breach | None:
    """The broken contract that ended a run; None when something else did."""
    family = _names(BrokenContractError)
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        event: Any = entry.get_dagster_event()
        error = event.step_failure_data.error
        while error is not None:
            if error.cls_name in family:
                return Breach(event.step_key, error.cls_name, str(error.message).strip())
            error = error.cause
    return None


def _names(error: type[Exception]) -> frozenset[str]:
    return frozenset({error.__name__}).union(*(_names(child) for child in error.__subclasses__()))
