"""What counts as stale, behind, growing or stuck."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
from dagster import DagsterInstance, DagsterRun
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.utils import make_new_run_id
from dagster._utils.error import SerializableErrorInfo

from lakehouse_assets.bronze.sales_transactions import table as source
from lakehouse_assets.definitions import TABLES, VIEWS
from lakehouse_assets.engine.alerts import failed_runs, freshness, lag, quarantine, stuck_sensors, watches
from lakehouse_assets.engine.alerts.conditions import Look, Scene
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.orchestration import complaints
from lakehouse_assets.engine.orchestration.assets import freshness as dagsters
from lakehouse_assets.engine.orchestration.progress import TableProgress
from lakehouse_assets.errors import LossError, UnavailableError
from lakehouse_assets.gold.sales_daily_revenue import table as gold
from lakehouse_assets.settings import Settings

HOUR, MINUTE, DAY = 3600.0, 60.0, 86_400.0


def scene(now: float, instance=None, **settings) -> Scene:
    return Scene(instance, Settings(**settings), TABLES, now, sensors=frozenset({"watch_sources"}))


def test_every_table_promises_freshness_and_dagster_shows_the_same():
    for table in TABLES:
        assert dagsters(table).fail_window.to_timedelta().total_seconds() == table.freshness_hours * HOUR
    assert [view.freshness_hours for view in VIEWS] == [None] * len(VIEWS)


@pytest.mark.parametrize(("age", "stale"), [(23.9, False), (24.0, True), (100, True)])
def test_stale_as_dagster_counts_it(age, stale):
    """At the very end of the window a table is stale."""
    found = freshness.condition(gold, 24, changed_at=0.0, now=age * HOUR)
    assert (found.failing, found.owner, found.severity) == (stale, gold.owner, "warn")


def progress(lag: int, taken: int, unit: str = "offsets") -> TableProgress:
    return TableProgress(gold.key, 1, Position(), taken, lag, unit)


def test_far_behind_is_lag_at_once():
    assert lag.judge(scene(0.0, alerts_lag_offsets=100), progress(101, 5), {}).failing
    assert not lag.judge(scene(0.0, alerts_lag_offsets=100), progress(100, 5), {}).failing
    assert lag.judge(scene(0.0, alerts_lag_files=3), progress(4, 5, "files"), {}).failing


def test_behind_without_getting_on_is_lag_after_a_while():
    """One that takes in something, or has caught up in between, is not."""
    moved: lag.Moved = {}
    looks = [(0, 10, 1), (20, 10, 1), (31, 10, 1), (40, 5, 6), (69, 5, 6), (70, 0, 11), (99, 5, 11), (101, 5, 11)]
    found = [
        lag.judge(scene(minute * MINUTE), progress(behind, taken), moved).failing for minute, behind, taken in looks
    ]
    assert found == [False, False, True, False, False, False, False, True]


def test_a_source_that_does_not_answer_is_told_after_a_while(monkeypatch):
    def unreachable(*_arguments):
        raise UnavailableError("no answer", where="topic", do="Start it")

    monkeypatch.setattr(lag, "snapshot", unreachable)
    first = lag.look(scene(0.0), {})
    later = lag.look(scene(6 * MINUTE), first.memory)
    assert [each.failing for each in first.conditions] == [False, False]
    assert [each.failing for each in later.conditions] == [True, True]
    assert dict(later.conditions[0].facts)["reason"] == "topic: no answer. Start it."


def grown(*looks: tuple[float, int]) -> list[set[str]]:
    """The rules that fail at each (hour, rows)."""
    samples, failing = [], []
    for hour, rows in looks:
        here = scene(hour * HOUR, quarantine_max_rows=5000, alerts_quarantine_rows_a_day=1000)
        samples = quarantine.note(samples, here.now, rows)
        failing.append({each.rule.split()[1] for each in quarantine.judge(here, gold, rows, samples) if each.failing})
    return failing


def test_a_quarantine_grows_too_fast_or_too_large():
    """Growth is over once a day has passed with less."""
    hours = [(hour, 1500 if hour >= 3 else 10) for hour in range(40)]
    assert [hour for hour, failing in enumerate(grown(*hours)) if failing] == [*range(3, 27)]
    assert grown((0, 5000), (1, 5001), (2, 4000)) == [set(), {"size"}, set()]
    assert grown(*((hour, hour * 40) for hour in range(60)))[-1] == set()


RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def rebuild(tables, first: str = "", last: str = "") -> DagsterRun:
    tags = dict(zip(RANGE, (first, last), strict=True)) if first else {}
    selection = frozenset(table.asset_key for table in tables)
    return DagsterRun(job_name="__ASSET_JOB", run_id=make_new_run_id(), asset_selection=selection, tags=tags)


@pytest.mark.parametrize(
    ("run", "does"),
    [
        (rebuild([gold], "2017-03-01", "2017-03-09"), True),
        (rebuild([gold], "2017-01-01", "2017-12-31"), True),
        (rebuild([gold]), True),
        (rebuild([gold], "2017-03-02", "2017-03-09"), False),
        (rebuild([gold], "2017-03-01", "2017-03-08"), False),
        (rebuild([TABLES[0]], "2017-03-01", "2017-03-09"), False),
        (DagsterRun(job_name="ingest_sales_transactions", run_id=make_new_run_id()), False),
    ],
)
def test_a_failed_rebuild_is_over_when_its_days_are_rebuilt(run, does):
    """Of the same table; other days or other work are no recovery."""
    undone = failed_runs.Open("k", "__ASSET_JOB", gold.key, "2017-03-01", "2017-03-09")
    credited = failed_runs._credited(scene(0.0), run, undone, succeeded=True)
    assert failed_runs._is_done(run, credited, succeeded=True) == does


def test_days_may_be_rebuilt_by_several_runs_and_by_the_good_part_of_a_failed_one():
    """In any order; what is kept between two looks is JSON."""
    undone = failed_runs.Open("k", "__ASSET_JOB", gold.key, "2017-03-01", "2017-03-04", done=("2017-03-02",))
    for first, last, left in (
        ("2017-03-04", "2017-03-09", {"2017-03-01", "2017-03-03"}),
        ("2017-03-01", "2017-03-02", {"2017-03-03"}),
        ("2017-03-03", "2017-03-03", set()),
    ):
        run = rebuild([gold], first, last)
        undone = failed_runs._credited(scene(0.0), run, undone, succeeded=True)
        undone = failed_runs.Open.from_json(json.loads(json.dumps(asdict(undone))))
        assert undone.left == left
        assert failed_runs._is_done(run, undone, succeeded=True) == (not left)


def tick(status: TickStatus, reason: str = "", message: str = ""):
    error = SimpleNamespace(cls_name="LossError", message=message, cause=None)
    return SimpleNamespace(status=status, tick_data=SimpleNamespace(skip_reason=reason, error=error))


FAILED = tick(TickStatus.FAILURE, message="offsets 10 to 19 are gone")
HELD = tick(TickStatus.SKIPPED, "nothing new on topic t; silver/x is held since 2026-01-01: a rule broke")
IDLE = tick(TickStatus.SKIPPED, "nothing new on topic sales.transactions")


@pytest.mark.parametrize(
    ("ticks", "said"),
    [
        ([], ""),
        ([IDLE, FAILED, FAILED], ""),
        ([FAILED], ""),
        ([FAILED, IDLE, FAILED], ""),
        ([FAILED, FAILED, FAILED], "offsets 10 to 19 are gone"),
        ([tick(TickStatus.STARTED), FAILED, FAILED], "offsets 10 to 19 are gone"),
        ([HELD, HELD, HELD], ""),
    ],
)
def test_a_sensor_that_always_fails_says_why(ticks, said):
    assert stuck_sensors.complaint(Settings(), ticks) == said


ORIGIN = RemoteInstigatorOrigin(
    repository_origin=RemoteRepositoryOrigin(
        GrpcServerCodeLocationOrigin(host="127.0.0.1", port=1, location_name="lakehouse"), "__repository__"
    ),
    instigator_name="watch_sources",
)


def stuck(instance, now: float, awake_since: float = 0.0) -> dict[str, str]:
    """Reason by rule, of the sensors that Dagster knows."""
    here = replace(scene(now, instance), awake_since=awake_since)
    found = stuck_sensors.look(here, {}).conditions
    return {each.rule.split()[1]: dict(each.facts)["reason"] for each in found if each.failing}


def test_sensors_as_dagster_keeps_them(tmp_path):
    """Silent for too long, unless nobody was there to tick; failing; switched off."""
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        data = SensorInstigatorData(last_tick_timestamp=1000.0, min_interval=1)
        state = InstigatorState(ORIGIN, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, data)
        instance.add_instigator_state(state)
        assert stuck(instance, 1100.0) == {}
        assert stuck(instance, 1200.0) == {"silent": "no tick for 200 s, 120 s are allowed"}
        assert stuck(instance, 1200.0, awake_since=1190.0) == {}

        names = (state.instigator_origin_id, state.instigator_name, InstigatorType.SENSOR)
        gone = SerializableErrorInfo("offsets 10 to 19 are gone", [], "LossError")
        for at in (1200.0, 1201.0, 1202.0):
            instance.create_tick(TickData(*names, TickStatus.FAILURE, at, error=gone, selector_id=state.selector_id))
        assert stuck(instance, 1202.0) == {"ticks": "offsets 10 to 19 are gone"}
        found = stuck_sensors.look(scene(1202.0, instance), {}).conditions[1]
        assert found.link == "/locations/__repository__@lakehouse/sensors/watch_sources"

        here = Settings(home=tmp_path)
        complaints.note(here, {source.key: LossError("offsets 10 to 19 are gone", where="topic", do="Accept")})
        told = [
            each for each in stuck_sensors.look(scene(1202.0, instance, home=tmp_path), {}).conditions if each.failing
        ]
        assert [(each.table, each.owner, each.says) for each in told] == [
            ("bronze/sales/transactions", "team:sales-data", "topic sales.transactions cannot go on")
        ]
        assert dict(told[0].facts)["reason"] == "topic: offsets 10 to 19 are gone. Accept."

        instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
        assert stuck(instance, 9999.0) == {}


def test_a_watch_that_takes_too_long_is_heard_later(tmp_path, monkeypatch):
    """It holds up no round for long, and is not started twice."""
    go, started = threading.Event(), []

    def slow(_scene, _memory):
        started.append(1)
        go.wait(10)
        return Look(memory={"slow": "seen"})

    monkeypatch.setattr(watches, "QUICK", {})
    monkeypatch.setattr(watches, "REMOTE", {"slow": slow})
    monkeypatch.setattr(watches, "MOST_SECONDS", 0.05)
    for minute in (1, 2):
        found = watches.look_at_all(scene(minute * MINUTE, home=tmp_path), {})
        assert found.unavailable == ["slow: no answer after 0 s"]
    go.set()
    monkeypatch.setattr(watches, "MOST_SECONDS", 5.0)
    assert watches.look_at_all(scene(3 * MINUTE, home=tmp_path), {}).memory["slow"] == {"slow": "seen"}
    assert len(started) == 1
