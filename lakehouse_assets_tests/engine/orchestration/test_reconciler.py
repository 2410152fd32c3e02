"""The reconciler: Dagster's picture converges to the tables' truth, whatever died in between."""

from __future__ import annotations

import pytest
from dagster import AssetMaterialization, DagsterInstance, DagsterRun, DagsterRunStatus

from lakehouse_assets.engine.orchestration.reconciler import missing
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


def report(instance: DagsterInstance, events) -> list[str]:
    for event in events:
        instance.report_runless_asset_event(event)
    return sorted(event.partition for event in events)


def shown(instance: DagsterInstance, lab: Lab) -> set[str]:
    return instance.get_materialized_partitions(lab.bronze.asset_key)


def test_days_committed_but_not_reported_are_reported_exactly_once(lab: Lab, instance):
    """Runs killed between commit and event; a deleted Dagster home; a run still at work is left to report itself."""
    lab.send(sale(1), sale(2, date="2017-03-02")).land()
    found, seen = missing(instance, lab.lake, lab.bronze, None)
    assert report(instance, found) == ["2017-03-01", "2017-03-02"]
    found, seen = missing(instance, lab.lake, lab.bronze, seen)
    assert found == []

    lab.send(sale(3, date="2017-03-03")).land()
    run = DagsterRun("ingest", status=DagsterRunStatus.STARTED)
    instance.add_run(run)
    lab.send(sale(4, date="2017-03-04")).land(run_id=run.run_id)
    found, seen = missing(instance, lab.lake, lab.bronze, seen)
    assert report(instance, found) == ["2017-03-03"]
    found, seen = missing(instance, lab.lake, lab.bronze, seen)
    assert found == []

    instance.report_run_failed(run)
    found, seen = missing(instance, lab.lake, lab.bronze, seen)
    assert report(instance, found) == ["2017-03-04"]
    found, seen = missing(instance, lab.lake, lab.bronze, seen)
    assert found == []
    assert shown(instance, lab) == {f"2017-03-0{day}" for day in range(1, 5)}

    with DagsterInstance.ephemeral() as fresh:
        found, seen = missing(fresh, lab.lake, lab.bronze, None)
        assert report(fresh, found) == [f"2017-03-0{day}" for day in range(1, 5)]
        assert missing(fresh, lab.lake, lab.bronze, seen)[0] == []
        assert shown(fresh, lab) == shown(instance, lab)


def test_a_run_at_work_that_has_reported_is_not_reported_again_when_it_ends(lab: Lab, instance):
    """The looks fall between its event and its end, and the table's making came before its commit."""
    run = DagsterRun("ingest", status=DagsterRunStatus.STARTED)
    instance.add_run(run)
    _, seen = missing(instance, lab.lake, lab.bronze, None)
    commit = lab.send(sale(1)).land(run_id=run.run_id)
    event = AssetMaterialization(
        lab.bronze.asset_key, partition="2017-03-01", metadata={"delta_version": commit.version}
    )
    instance.report_runless_asset_event(event)

    for _ in range(2):
        found, seen = missing(instance, lab.lake, lab.bronze, seen)
        assert found == []
    instance.report_run_failed(run)
    for _ in range(2):
        found, seen = missing(instance, lab.lake, lab.bronze, seen)
        assert found == []
    assert seen["version"] == lab.lake.version(lab.bronze.key)


def test_a_table_that_does_not_exist_yet_has_nothing_to_report(lab: Lab, instance):
    """And its first commit is noticed."""
    found, seen = missing(instance, lab.lake, lab.bronze, None)
    lab.send(sale(1)).land()

    assert found == []
    assert [event.partition for event in missing(instance, lab.lake, lab.bronze, seen)[0]] == ["2017-03-01"]
