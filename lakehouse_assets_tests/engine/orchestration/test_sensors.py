"""The Kafka sensor by situation: what it skips, what it waits for, and what it asks for."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunRequest, SkipReason, job, op
from dagster._core.utils import make_new_run_id

from lakehouse_assets.bronze.sales_transactions import table as source
from lakehouse_assets.engine.history.holds import Hold
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.kinds.kafka import TOPIC_TAG
from lakehouse_assets.engine.orchestration import sensors
from lakehouse_assets.engine.orchestration.holding import CODE_TAG, CODE_VERSION, hold
from lakehouse_assets.engine.orchestration.sensors import STATE_TAG, Work, dead_rebuilds, dead_runs
from lakehouse_assets.errors import LossError, UnavailableError
from lakehouse_assets.settings import load
from lakehouse_assets_tests.jobs import tick

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORK = Work((Slice("A", 0, 0, 5),), "state-1")


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def settings(tmp_path):
    return load(home=tmp_path, retry_base_seconds=5, retry_cap_seconds=60)


@pytest.fixture
def works(monkeypatch):
    """What `look` finds; a test may put something else into the list."""
    found = [WORK]

    def look(*_args, **_options):
        if isinstance(found[-1], Exception):
            raise found[-1]
        return found[-1]

    monkeypatch.setattr(sensors, "look", look)
    monkeypatch.setattr(sensors, "_waiting", lambda *_: "")
    monkeypatch.setattr(sensors.holding, "standing", lambda *_: {})
    return found


def record(status: DagsterRunStatus, ended: datetime = NOW, state: str = WORK.state) -> RunRecord:
    run = DagsterRun("ingest", make_new_run_id(), status=status, tags={TOPIC_TAG: source.topic, STATE_TAG: state})
    return RunRecord(1, run, ended, ended, None, ended.timestamp())


def add_run(instance: DagsterInstance, status: DagsterRunStatus, **tags: str) -> str:
    run = DagsterRun("ingest", make_new_run_id(), status=status, tags={TOPIC_TAG: source.topic, **tags})
    instance.add_run(run)
    return run.run_id


def fail_with(instance: DagsterInstance, error: Exception, state: str = WORK.state) -> str:
    """A real run that fails with this error behind another one, as Dagster wraps them."""

    @op
    def breaks():
        raise RuntimeError("while it was handled") from error

    @job
    def ingest():
        breaks()

    tags = {TOPIC_TAG: source.topic, STATE_TAG: state}
    return ingest.execute_in_process(instance=instance, tags=tags, raise_on_error=False).run_id


def look_at(instance, settings, now=NOW):
    return tick(instance, settings, source, [source], now)


def test_new_records_start_a_run(instance, settings, works):
    """It plans for itself; the tags say what it was asked for from."""
    asked = look_at(instance, settings)

    assert isinstance(asked, RunRequest)
    config = asked.run_config["ops"]["bronze_sales_transactions"]["config"]
    assert config == {"dead_runs": []}
    assert asked.tags == {TOPIC_TAG: "sales.transactions", STATE_TAG: "state-1", CODE_TAG: CODE_VERSION}


def test_nothing_new_is_skipped_with_the_reason(instance, settings, works):
    """The UI says why nothing happens."""
    works.append(None)

    assert "nothing new on topic sales.transactions" in look_at(instance, settings).skip_message


def test_a_broker_that_does_not_answer_is_skipped_and_recovers_by_itself(instance, settings, works):
    """The tick does not fail, says what is wrong, and the next one goes on without anyone's help."""
    works.append(UnavailableError("no answer", where="Kafka", do="Check the broker"))
    assert "Kafka: no answer" in look_at(instance, settings).skip_message

    works.append(WORK)
    assert isinstance(look_at(instance, settings), RunRequest)


def test_a_loss_fails_the_tick(instance, settings, works):
    """Loss is loud: the tick is red and names it."""
    works.append(LossError("gone", where="bronze", do="accept"))

    with pytest.raises(LossError, match="gone"):
        look_at(instance, settings)


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_one_batch_of_a_topic_is_in_flight_at_a_time(instance, settings, works, status):
    """Whatever a living run is doing, no second one is planned beside it."""
    run_id = add_run(instance, DagsterRunStatus[status])

    assert f"run {run_id[:8]}" in look_at(instance, settings).skip_message


def test_runs_of_another_topic_do_not_hold_this_one_up(instance, settings, works):
    """Topics go on independently of each other."""
    add_run(instance, DagsterRunStatus.STARTED, **{TOPIC_TAG: "other"})

    assert isinstance(look_at(instance, settings), RunRequest)


def test_a_failed_run_is_retried_after_a_wait(instance, settings, works):
    """Not at once, and then by itself; the dead run is named so that its Spark work can be ended."""
    dead = fail_with(instance, ValueError("transient"))

    early = look_at(instance, settings, datetime.now(UTC))
    late = look_at(instance, settings, datetime.now(UTC) + timedelta(seconds=6))

    assert isinstance(early, SkipReason)
    assert f"try 1 failed (run {dead[:8]})" in early.skip_message
    assert late.run_config["ops"]["bronze_sales_transactions"]["config"]["dead_runs"] == [dead]


@pytest.mark.parametrize(("failures", "wait"), [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (19, 60)])
def test_the_wait_doubles_up_to_a_cap(instance, settings, failures, wait):
    """A struggling service is not hammered, and is tried again at least once in `retry_cap_seconds`."""
    tried = [record(DagsterRunStatus.FAILURE) for _ in range(failures)]

    assert hold(settings, tried, NOW + timedelta(seconds=wait - 1)) is not None
    assert hold(settings, tried, NOW + timedelta(seconds=wait + 1)) is None


def test_the_wait_starts_anew_when_the_tables_moved_on(instance, settings, works):
    """Failures from an earlier state of the tables or the code say nothing about this one."""
    fail_with(instance, ValueError("transient"), state="state-0")

    assert isinstance(look_at(instance, settings), RunRequest)


def test_a_held_table_is_told_with_what_to_do(instance, settings, works, monkeypatch):
    """Whether there is something else to do or not; a new state of the others starts a run."""
    hold = Hold(source.key, "rows are gone. Accept it.", "LossError", "code", "run", "2026-01-01")
    monkeypatch.setattr(sensors.holding, "standing", lambda *_: {source.key: hold})
    works.append(None)

    assert "is held since 2026-01-01: rows are gone. Accept it." in look_at(instance, settings).skip_message
    works.append(WORK)
    assert isinstance(look_at(instance, settings), RunRequest)


def test_run_keys_never_repeat(instance, settings, works):
    """Dagster silently drops a run whose key it has seen: after any number of failures a retry still starts."""
    keys = []
    for second in range(30):
        asked = look_at(instance, settings, datetime.now(UTC) + timedelta(hours=1 + second))
        assert isinstance(asked, RunRequest), asked
        keys.append(asked.run_key)
        add_run(instance, DagsterRunStatus.FAILURE, **asked.tags)

    assert len(set(keys)) == 30


def test_a_tick_that_is_evaluated_twice_asks_for_the_same_run(instance, settings, works):
    """A daemon killed between asking and recording does not start two runs."""
    first, again = look_at(instance, settings), look_at(instance, settings, NOW + timedelta(seconds=1))

    assert first.run_key == again.run_key


def test_only_runs_that_died_since_the_last_success_are_interrupted():
    """Whatever older runs left behind was already ended by the one that succeeded."""
    runs = [record(DagsterRunStatus[name]) for name in ("FAILURE", "CANCELED", "SUCCESS", "FAILURE")]

    assert dead_runs(runs) == [run.dagster_run.run_id for run in runs[:2]]


def test_looking_is_quick_however_many_runs_there_were(instance, settings, works):
    """A tick's cost does not grow with Dagster's history."""
    for _ in range(200):
        add_run(instance, DagsterRunStatus.SUCCESS)

    started = time.monotonic()
    look_at(instance, settings)
    assert time.monotonic() - started < 1.0


def add_rebuild(instance: DagsterInstance, key: AssetKey, status: DagsterRunStatus) -> str:
    run = DagsterRun("__ASSET_JOB", make_new_run_id(), status=status, asset_selection=frozenset({key}))
    instance.add_run(run)
    return run.run_id


def test_a_rebuild_that_died_is_ended_in_spark_by_the_next_batch(instance, settings, works):
    """Those of this topic's tables only, and only the ones since the last good batch."""
    dead = add_rebuild(instance, source.asset_key, DagsterRunStatus.FAILURE)
    add_rebuild(instance, AssetKey(["bronze", "another", "table"]), DagsterRunStatus.FAILURE)
    add_rebuild(instance, source.asset_key, DagsterRunStatus.SUCCESS)

    config = look_at(instance, settings).run_config["ops"]["bronze_sales_transactions"]["config"]
    assert config["dead_runs"] == [dead]


def test_a_rebuild_that_died_before_the_last_good_batch_is_left_alone(instance):
    """That batch has ended it already."""
    started = DagsterRun("__ASSET_JOB", make_new_run_id(), asset_selection=frozenset({source.asset_key}))
    instance.add_run(started)
    instance.report_run_failed(started)
    later = time.time() + 60
    good = RunRecord(1, DagsterRun("ingest", status=DagsterRunStatus.SUCCESS), NOW, NOW, later, later)

    assert dead_rebuilds(instance, [source.asset_key], []) == [started.run_id]
    assert dead_rebuilds(instance, [source.asset_key], [good]) == []
