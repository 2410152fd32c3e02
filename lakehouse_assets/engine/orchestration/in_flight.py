"""Which runs take in a batch of a source now: there is one at a time."""

from __future__ import annotations

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from lakehouse_assets.engine.tables import SourceTable

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
