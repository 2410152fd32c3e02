"""Which runs write to a source's tables now: increments and rebuilds of the same tables take turns."""

from __future__ import annotations

import time
from collections.abc import Iterable

from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from lakehouse_assets.engine.tables import SourceTable
from lakehouse_assets.errors import UnavailableError

WAIT_SECONDS = 900.0
_POLL_SECONDS = 1.0
_STATUSES = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def increments(instance: DagsterInstance, source: SourceTable) -> list[DagsterRun]:
    """Runs that take in a batch of the source."""
    return list(instance.get_runs(RunsFilter(tags=dict([source.run_tag]), statuses=_STATUSES)))


def rebuilds(instance: DagsterInstance, tables: Iterable[AssetKey]) -> list[DagsterRun]:
    """Runs that rebuild any of these tables."""
    keys = set(tables)
    running = instance.get_runs(RunsFilter(statuses=_STATUSES))
    return [run for run in running if keys & set(run.asset_selection or ())]


def wait_for_increments(instance: DagsterInstance, source: SourceTable) -> None:
    """Returns once no batch of the source is in flight; the sensor starts none while a rebuild is.

    Raises:
        UnavailableError: a batch took too long.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while running := increments(instance, source):
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"run {running[0].run_id[:8]} has been taking in a batch for more than {WAIT_SECONDS:.0f} s",
                where=source.origin,
                do="Look at that run, then rebuild again",
            )
        time.sleep(_POLL_SECONDS)
