"""Which runs take in a batch of a topic now: there is one at a time."""

from __future__ import annotations

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

TOPIC_TAG = "lakehouse/topic"
_STATUSES = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def increments(instance: DagsterInstance, topic: str) -> list[DagsterRun]:
    """Runs that take in a batch of the topic."""
    return list(instance.get_runs(RunsFilter(tags={TOPIC_TAG: topic}, statuses=_STATUSES)))
