"""Nothing decides by comparing two machines' clocks: what is old is told by the store, of its own times."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord
from deltalake import CommitProperties, write_deltalake

from lakehouse_assets.engine.history import clock
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.orchestration import holding
from lakehouse_assets.engine.orchestration.progress import holdings
from lakehouse_assets.engine.sources import landing
from lakehouse_assets.engine.upkeep import maintenance, run_retention, vacuum
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services
OFF = [timedelta(days=-20), timedelta(days=20)]


def commit_by(lab: Lab, key: str, off: timedelta, end: int) -> None:
    """An increment up to this offset by a machine whose clock is off."""
    said = Statement("increment", "run", position=Position().advance([Slice("T", 0, 0, end)])).to_json()
    rows = pa.table({"event_date": pa.array([date(2017, 1, 1)], pa.date32()), "n": [0]})
    options, uri = lab.storage_options(), lab.lake.uri(key)
    properties = CommitProperties(custom_metadata={"userMetadata": said})
    write_deltalake(uri, rows, mode="append", storage_options=options, commit_properties=properties)
    store, name = landing.client(lab.settings), f"{key}/_delta_log/{lab.lake.version(key):020}.json"
    lines = store.get_object(Bucket=lab.settings.bucket, Key=name)["Body"].read().decode().splitlines()
    actions = [json.loads(line) for line in lines]
    for action in actions:
        if "commitInfo" in action:
            action["commitInfo"]["timestamp"] += int(off.total_seconds() * 1000)
    store.put_object(Bucket=lab.settings.bucket, Key=name, Body="\n".join(map(json.dumps, actions)).encode())


@pytest.mark.parametrize("off", OFF)
def test_a_writer_whose_clock_is_days_off_changes_no_age(services, off):
    """Neither what a lagging reader still needs, nor what people read of the table's age."""
    lab = Lab(services, None)
    commit_by(lab, lab.gold.key, off, 5)
    for end in (5, 6, 7):
        commit_by(lab, lab.silver.key, off, end)
    said = next(lab.lake.commits(lab.silver.key)).timestamp_ms / 1000 - datetime.now(UTC).timestamp()
    assert abs(said) > timedelta(days=19).total_seconds()

    needed = vacuum.still_needed(lab.lake, lab.silver, lab.gold)

    assert timedelta(0) < needed < timedelta(minutes=5)
    vacuum.require_retention(lab.lake, lab.silver, lab.tables, lab.settings)
    at_once = lab.settings.model_copy(update={"vacuum_retention_days": 0, "vacuum_floor_days": 0})
    with pytest.raises(LakehouseError, match=f"{lab.gold.key} lags"):
        vacuum.require_retention(lab.lake, lab.silver, lab.tables, at_once)
    assert 0 < holdings(lab.lake, [lab.silver])[lab.silver.key].age_seconds < 300


def test_an_entry_that_is_gone_has_no_age(services):
    assert clock.age(services, "silver/no/such", 3) is None


@pytest.mark.parametrize("off", OFF)
def test_a_machine_whose_clock_is_off_deletes_nothing(lab: Lab, monkeypatch, off):
    """Neither files, by Spark's clock, nor log entries, by that of the process; the position is said again."""
    lab.send(sale(0)).land()
    before, real = lab.lake.open(lab.bronze.key).version(), vacuum._spark_now
    forgotten: list[object] = []
    monkeypatch.setattr(maintenance, "forget", lambda *given: forgotten.append(given))
    monkeypatch.setattr(vacuum, "_spark_now", lambda target: real(target) + off)
    monkeypatch.setattr(maintenance, "datetime", Shifted.by(off))

    [done] = maintenance.maintain(lab.engine(), lab.bronze, lab.tables)

    way = "ahead of" if off > timedelta(0) else "behind"
    assert f"not vacuumed: s3://{lab.settings.bucket}: Spark's clock is 480.0 hours {way} the store's" in done.line
    assert f"this machine's clock is 480.0 hours {way} the store's" in done.line
    assert (done.deleted, forgotten) == (0, [])
    assert lab.lake.version(lab.bronze.key) == before


@pytest.mark.parametrize("off", OFF)
def test_a_run_that_ended_by_another_clock_keeps_nobody_waiting(services, off):
    """The pause after a failure is of minutes, whatever the clock of the machine that ran it."""
    now = datetime.now(UTC)
    run = DagsterRun("ingest", status=DagsterRunStatus.FAILURE)
    elsewhere, here = (RunRecord(1, run, now, now, None, at.timestamp()) for at in (now + off, now))

    assert holding.hold(services, [elsewhere], now) is None
    assert "the next one in" in holding.hold(services, [here], now)


@pytest.mark.parametrize("off", OFF)
def test_the_age_of_runs_is_told_by_runs(monkeypatch, off):
    """A maintenance on a machine whose clock is off deletes none before its time."""
    monkeypatch.setattr(run_retention, "datetime", Shifted.by(off))
    with DagsterInstance.ephemeral() as instance:
        assert run_retention.newest_end(instance).year == 1970
        run = instance.create_run_for_job(run_retention.retention_job([]), status=DagsterRunStatus.STARTED)
        instance.report_run_failed(run)
        assert abs(run_retention.newest_end(instance) - datetime.now(UTC)) < timedelta(minutes=1)


class Shifted(datetime):
    """A clock that is off."""

    off = timedelta(0)

    @classmethod
    def by(cls, off: timedelta) -> type[Shifted]:
        return type("Shifted", (cls,), {"off": off})

    @classmethod
    def now(cls, tz=None) -> datetime:
        return datetime.now(tz) + cls.off
