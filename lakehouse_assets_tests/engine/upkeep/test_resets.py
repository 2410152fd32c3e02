"""Starting a table over: all of it goes, a crash leaves nothing that looks right and is not, and it fills again."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from lakehouse_assets.engine.orchestration import reconciler
from lakehouse_assets.engine.upkeep import resets
from lakehouse_assets.errors import LakehouseError, UnavailableError
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.engine.orchestration.test_pipelines import run
from lakehouse_assets_tests.jobs import tick

RECORDS = (sale(1), sale(1), sale("x"), sale(2, date="2017-03-03"))


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


def test_what_lives_on_a_table_goes_with_it(tmp_path):
    from lakehouse_assets.definitions import TABLES

    found = {table.key: [each.key for each in resets.affected(table, TABLES)] for table in TABLES}
    assert found["gold/sales/daily_revenue"] == ["gold/sales/daily_revenue"]
    assert found["silver/sales/products"] == ["silver/sales/products"]
    assert len(found["bronze/sales/transactions"]) == 5


def test_the_log_goes_newest_first_and_a_checkpoint_before_its_commit():
    log = ["0.json", "1.json", "1.checkpoint.parquet", "2.json", "2.crc"]
    names = [f"a/_delta_log/{name.split('.')[0]:0>20}.{name.split('.', 1)[1]}" for name in log]
    ordered = sorted([*names, "a/_delta_log/_last_checkpoint", "a/_delta_log/_sidecars/x"], key=resets._newest_first)
    assert [name.rsplit("/", 1)[1].lstrip("0") for name in ordered] == [
        *("_last_checkpoint", "2.crc", "2.json", "1.checkpoint.parquet", "1.json", ".json", "x")
    ]


def ingest(lab: Lab, instance: DagsterInstance) -> None:
    assert run(lab, instance, tick(instance, lab.settings, lab.bronze, lab.tables, datetime.now(UTC))).success


def contents(lab: Lab) -> dict[str, list]:
    keys = [key for table in lab.tables[:2] for key in (table.key, table.quarantine)]
    hidden = {"set_aside_at"}
    return {
        key: [{name: value for name, value in row.items() if name not in hidden} for row in lab.rows(key)]
        for key in (*keys, lab.gold.key)
    }


@pytest.mark.services
@pytest.mark.slow
def test_a_topic_starts_over(lab: Lab, instance):
    """In Dagster too; the same records come to the same rows; while a run is in flight nothing is touched."""
    lab.send(*RECORDS)
    ingest(lab, instance)
    before, days = contents(lab), {"2017-03-01", "2017-03-03"}
    _, seen = reconciler.missing(instance, lab.lake, lab.silver, None)
    going = resets.doomed(lab.lake, lab.tables)
    assert [(each.size.rows, each.quarantined) for each in going] == [(4, 0), (2, 1), (2, 0)]

    busy = create_run_for_test(
        instance, status=DagsterRunStatus.STARTED, tags=dict([lab.bronze.run_tag]), job_name="ingest"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resets, "WAIT_SECONDS", 0.3)
        with pytest.raises(LakehouseError, match="is in flight"):
            resets.reset(lab.settings, instance, lab.tables)
    assert contents(lab) == before
    instance.delete_run(busy.run_id)

    assert resets.reset(lab.settings, instance, lab.tables) > 0
    for table in lab.tables:
        assert lab.lake.version(table.key) == lab.lake.version(table.quarantine) == -1
        assert instance.get_materialized_partitions(table.asset_key) == set()
    ingest(lab, instance)
    assert contents(lab) == before
    assert instance.get_materialized_partitions(lab.gold.asset_key) == days
    assert reconciler.missing(instance, lab.lake, lab.silver, seen)[1]["version"] == lab.lake.version(lab.silver.key)


@pytest.mark.slow
@pytest.mark.services
def test_killed_anywhere_it_leaves_an_earlier_version_or_none_and_a_second_try_ends_it(lab: Lab, monkeypatch):
    """Each version of silver is read by delta-rs before; whatever a reader finds later is one of them."""
    for number in range(3):
        lab.send(sale(number)).ingest()
    DeltaTable(lab.lake.uri(lab.silver.key), storage_options=lab.storage_options()).create_checkpoint()
    key = lab.silver.key
    versions = {version: lab.rows(key, version=version) for version in range(lab.lake.version(key) + 1)}
    client, left = resets.s3.client(lab.settings), 0

    def dying(**asked):
        nonlocal left
        left -= 1
        if left < 0:
            raise resets.BotoCoreError
        client.delete_object(**asked)

    others = {name: getattr(client, name) for name in ("get_paginator", "delete_objects")}
    monkeypatch.setattr(resets.s3, "client", lambda _settings: SimpleNamespace(delete_object=dying, **others))
    found = []
    while True:
        left = 1
        try:
            resets.delete(lab.settings, key)
        except UnavailableError:
            found.append(version_seen(lab, key, versions))
        else:
            found.append(version_seen(lab, key, versions))
            break
    assert found[0] == max(versions)
    shown = [each for each in found if each >= 0]
    assert shown == sorted(shown, reverse=True)
    assert found[-1] == -1
    assert resets.delete(lab.settings, key) == 0
    assert lab.lake.version(key) == -1
    lab.refine()
    assert lab.rows(key, '"TransactionNo", "Price"') == [
        {"TransactionNo": str(number), "Price": versions[max(versions)][0]["Price"]} for number in range(3)
    ]


def version_seen(lab: Lab, key: str, versions: dict[int, list]) -> int:
    """The version that a reader finds, its rows compared; -1 for none, -2 where the reader says that it is broken."""
    try:
        version = DeltaTable(lab.lake.uri(key), storage_options=lab.storage_options()).version()
        assert lab.rows(key) == versions[version]
    except TableNotFoundError:
        return -1
    except DeltaError:
        return -2
    return version
