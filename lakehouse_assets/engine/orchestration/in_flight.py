"""Which runs are at work: those that take in a batch of a source, one at a time, and those that rebuild tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable


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


def by_tag(instance: DagsterInstance, tags: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The run that takes in a batch of a source, by the source's tag; one question for all."""
    wanted, runs = frozenset(tags), instance.get_runs(RunsFilter(statuses=_STATUSES))
    return {tag: run.run_id for run in runs for tag in run.tags.items() if tag in wanted}


def is_rebuilt(instance: DagsterInstance, keys: Iterable[AssetKey]) -> bool:
    """Whether a run of these assets is at work, or waits for its turn."""
    wanted = frozenset(keys)
    return any(
        wanted & (run.asset_selection or frozenset()) for run in instance.get_runs(RunsFilter(statuses=_STATUSES))
    )
