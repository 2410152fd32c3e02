"""One look at a source: compares what it holds now with the table's ledger, and asks for one run at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    RunRecord,
    RunRequest,
    RunsFilter,
    SkipReason,
)

from lakehouse_assets.engine.flow import below, sources
from lakehouse_assets.engine.history.remembered import RememberedLake
from lakehouse_assets.engine.orchestration import holding, in_flight
from lakehouse_assets.engine.orchestration.looking import Work, look
from lakehouse_assets.engine.sources.source import Source
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable

STATE_TAG = ".dagster/lakehouse_state"
"""With the prefix of tags that the UI does not show."""

RECENT_RUNS = 20


@dataclass(frozen=True)
class Judgement:
    """What a look at a source came to."""

    asked: RunRequest | SkipReason
    is_settled: bool = False
    """Whether it stays the same as long as the source does."""


def judge(
    instance: DagsterInstance, settings: Settings, source: SourceTable, tables: Sequence[Table], now: datetime
) -> Judgement:
    """One look at the source.

    Raises:
        LossError: records or rows are gone; the tick fails in the UI until the loss is accepted.
    """
    if running := in_flight.increments(instance, source):
        return Judgement(SkipReason(f"run {running[0].run_id[:8]} of {source.origin} is in flight"))
    runs = instance.get_run_records(RunsFilter(tags=dict([source.run_tag])), limit=RECENT_RUNS)
    chained = (source, *below(source, tables))
    keys, origin = [table.asset_key for table in chained], source.reader(settings)
    try:
        held = holding.standing(settings, chained)
        rebuilding = in_flight.is_rebuilt(instance, keys)
        busy = [each for each in sources(chained) if each != source and in_flight.increments(instance, each)]
        lake = RememberedLake(settings)
        work = look(settings, source, tables, held=held, rebuilding=rebuilding, busy=busy, origin=origin, lake=lake)
    except UnavailableError as error:
        return Judgement(SkipReason(str(error)), is_settled=error.is_absence)
    waiting = "; ".join(holding.shown(settings, each) for each in held.values())
    if work is None:
        said = "; ".join(each for each in (waiting, _waiting(origin)) if each)
        skip = SkipReason(f"nothing new on {source.origin}" + (f"; {said}" if said else ""))
        return Judgement(skip, is_settled=not said)
    tried = [record for record in runs if record.dagster_run.tags.get(STATE_TAG) == work.state]
    if early := holding.hold(settings, tried, now):
        return Judgement(SkipReason("; ".join(each for each in (waiting, early) if each)))
    return Judgement(request(source, work, runs, dead_rebuilds(instance, keys, runs)))


def _waiting(origin: Source) -> str:
    try:
        waits = origin.waits()
    except UnavailableError:
        return ""
    return "" if waits is None else str(waits)


def request(source: SourceTable, work: Work, runs: Sequence[RunRecord], rebuilds: Sequence[str] = ()) -> RunRequest:
    """The run for it; its key holds state and predecessor, so that a retry is never taken for a repeat."""
    predecessor = runs[0].dagster_run.run_id if runs else "none"
    config = {"dead_runs": [*dead_runs(runs), *rebuilds]}
    return RunRequest(
        job_name=source.job_name,
        run_key=f"{source.run_tag[1]}:{work.state}:{predecessor}",
        run_config={"ops": {source.name: {"config": config}}},
        tags=dict([source.run_tag]) | {STATE_TAG: work.state, holding.CODE_TAG: holding.CODE_VERSION},
    )


def dead_runs(runs: Sequence[RunRecord]) -> list[str]:
    """Runs that failed since the last one that succeeded."""
    dead = []
    for record in runs:
        if record.dagster_run.status == DagsterRunStatus.SUCCESS:
            break
        dead.append(record.dagster_run.run_id)
    return dead


def dead_rebuilds(instance: DagsterInstance, keys: Sequence[AssetKey], runs: Sequence[RunRecord]) -> list[str]:
    """Rebuilds of these tables that failed since the last good batch: a killed one may leave Spark at work."""
    good = (record for record in runs if record.dagster_run.status == DagsterRunStatus.SUCCESS)
    since = next((record.start_time or 0.0 for record in good), 0.0)
    ended = RunsFilter(statuses=[DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED])
    return [
        record.dagster_run.run_id
        for record in instance.get_run_records(ended, limit=RECENT_RUNS)
        if set(keys) & set(record.dagster_run.asset_selection or ()) and (record.end_time or since) >= since
    ]
