"""The ledger outlives the log: positions are said again, old log goes, and a quiet year changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from pyarrow.fs import FileSelector
from pyspark.sql.types import StructType

from lakehouse_assets.engine.grids import DAILY
from lakehouse_assets.engine.history import commit_log
from lakehouse_assets.engine.history.ledger import Ledger, Statement
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.history.versions import Stale
from lakehouse_assets.engine.kinds import Table
from lakehouse_assets.engine.orchestration import sensors
from lakehouse_assets.engine.orchestration.backfills import stale_days
from lakehouse_assets.engine.upkeep.restating import forget, restate
from lakehouse_assets.engine.writing import delta, quarantine
from lakehouse_assets.engine.writing.spark_writer import SparkWriter
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services
DAYS = 3
NO_LOG = {"delta.logRetentionDuration": "interval 0 days"}
MARCH_1, MARCH_2 = date(2017, 3, 1), date(2017, 3, 2)


def keys(lab: Lab) -> list[tuple[Table, str]]:
    return [(table, key) for table in lab.tables for key in (table.key, table.quarantine) if lab.lake.open(key)]


def say_nothing(lab: Lab, key: str, times: int = 2) -> None:
    """Commits that state nothing, as the two of a VACUUM; the log may be forgotten at once."""
    for _ in range(times):
        lab.lake.open(key).alter.set_table_properties(NO_LOG)


def a_day_passes(lab: Lab) -> None:
    """Yesterday's vacuum, and today's maintenance: of the log nothing stays but the newest entry."""
    for table, key in keys(lab):
        say_nothing(lab, key)
        since = lab.lake.version(key)
        assert restate(delta.Target(lab.spark, lab.lake, key), table, "maintenance")
        assert forget(lab.lake, key, since)


def lose_the_log(lab: Lab) -> None:
    """Checkpoint and clean-up without a restatement, as Delta itself would."""
    for _, key in keys(lab):
        say_nothing(lab, key)
        lab.lake.open(key).create_checkpoint()
        lab.lake.open(key).cleanup_metadata()


def first_entry(lab: Lab, key: str) -> int:
    """The oldest version that the log still holds an entry of."""
    log = commit_log.storage(lab.lake, key)
    found = [each.base_name for each in log.get_file_info(FileSelector("_delta_log"))]
    return min(int(name.removesuffix(".json")) for name in found if name.endswith(".json") and name[0] == "0")


def said(ledger: Ledger) -> Ledger:
    return replace(ledger, version=0, held_version=0)


@pytest.mark.slow
def test_a_quiet_year_changes_nothing(lab: Lab):
    """The log entries that stated the positions are gone; the ledgers stay, and the next record passes every layer."""
    lab.send(sale(1), b"bad", sale(2, date="2017-03-02")).ingest()
    before = {key: said(lab.lake.ledger(key)) for _, key in keys(lab)}

    for _ in range(DAYS):
        a_day_passes(lab)
    for _, key in keys(lab):
        say_nothing(lab, key)

    for _, key in keys(lab):
        now = lab.lake.ledger(key)
        assert said(now) == before[key]
        assert now.complete
        assert first_entry(lab, key) > max(now.position_version, 0)
        assert now.version - now.held_version <= 2
    assert sensors.look(lab.settings, lab.bronze, lab.tables) is None

    lab.send(sale(3)).ingest()
    assert lab.position(lab.gold) == lab.position(lab.silver) == lab.position(lab.bronze)
    assert [(str(row["event_date"]), row["lines"]) for row in lab.rows(lab.gold.key)] == [
        ("2017-03-01", 2),
        ("2017-03-02", 1),
    ]


@pytest.mark.slow
def test_without_maintenance_the_rows_say_where_a_table_is(lab: Lab):
    """The number of the next transaction is Delta's own: the next record passes, and maintenance heals the ledger."""
    lab.send(sale(1), b"bad", sale(2)).ingest()
    lab.send(sale(3)).ingest()
    position = lab.position(lab.silver)
    lose_the_log(lab)
    assert not lab.lake.ledger(lab.bronze.key).complete

    restate(delta.Target(lab.spark, lab.lake, lab.silver.key), lab.silver, "maintenance")
    assert lab.position(lab.silver) == position
    assert ledger_of(lab.lake, lab.bronze).position == position
    lab.send(sale(4)).ingest()

    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)]
    assert lab.position(lab.gold) == lab.position(lab.silver) == lab.position(lab.bronze)
    assert [row["lines"] for row in lab.rows(lab.gold.key)] == [4]


def test_a_restatement_hides_no_rebuild_from_what_lives_on_the_table(lab: Lab):
    """Increment, rebuild, restate, then gold: it computes the rebuilt day, and once only."""
    lab.send(sale(1), sale(2, date="2017-03-02")).ingest()
    lab.publish_all(lab.silver.rebuild(lab.engine(), [MARCH_2]))
    restate_all(lab)

    assert sensors.look(lab.settings, lab.bronze, lab.tables) is not None
    commit = lab.recompute()

    assert commit is not None
    assert commit.statement.days == (MARCH_2,)
    restate_all(lab)
    assert sensors.look(lab.settings, lab.bronze, lab.tables) is None
    assert lab.recompute() is None


@pytest.mark.slow
def test_a_rebuild_whose_log_is_gone_is_not_forgotten(lab: Lab):
    """Increment, rebuild, then of the log nothing but a restatement: every day is computed anew, and once only."""
    lab.send(sale(1), sale(2, date="2017-03-02")).ingest()
    lab.publish_all(lab.silver.rebuild(lab.engine(), [MARCH_2]))
    a_day_passes(lab)

    assert sensors.look(lab.settings, lab.bronze, lab.tables) is not None
    commit = lab.recompute()

    assert commit is not None
    assert commit.statement.days == (MARCH_1, MARCH_2)
    a_day_passes(lab)
    assert sensors.look(lab.settings, lab.bronze, lab.tables) is None
    assert lab.recompute() is None
    assert stale_days(lab.lake, lab.silver) == Stale(unknown=frozenset({MARCH_1, MARCH_2}))


def restate_all(lab: Lab) -> None:
    for table, key in keys(lab):
        restate(delta.Target(lab.spark, lab.lake, key), table, "maintenance")


@pytest.mark.slow
def test_a_restatement_keeps_a_quarantine_unsettled(lab: Lab):
    """What a dead run left there is still known to be unsettled, and on which days."""
    lab.send(b"bad", sale(1)).ingest()
    newest = next(lab.lake.commits(lab.silver.quarantine))
    assert newest.planned_from == newest.version - 1, "of the quarantine's own versions"
    target = delta.Target(lab.spark, lab.lake, lab.silver.quarantine)
    rows = delta.read(lab.spark, lab.lake, lab.silver.quarantine, where=DAILY.where([MARCH_1]))
    opened = quarantine.open_statement(Statement("replay", "dead", (MARCH_1,)))
    SparkWriter(target).replace(rows.localCheckpoint(), DAILY.where([MARCH_1]), opened)

    assert restate(target, lab.silver, "maintenance")

    assert quarantine.unsettled_days(lab.lake, lab.silver) == (MARCH_1,)
    lab.send(sale(2)).ingest()
    assert quarantine.unsettled_days(lab.lake, lab.silver) == ()


def created_by_spark(target: delta.Target, schema: StructType, *, by: Sequence[str], append_only: bool = False) -> None:
    """As earlier releases made their tables."""
    older = {"delta.isolationLevel": "Serializable", "delta.enableInCommitTimestamps": "true"}
    said = ", ".join(f"'{name}' = '{value}'" for name, value in older.items())
    parted = f"PARTITIONED BY ({', '.join(by)})" if by else ""
    made = f"CREATE TABLE IF NOT EXISTS {target.sql} ({delta.ddl(schema)}) USING delta {parted} TBLPROPERTIES ({said})"
    target.spark.sql(made)


def test_a_table_of_an_older_release_is_restated_and_its_log_left_to_spark(lab: Lab, monkeypatch):
    """It has in-commit timestamps, and statements that do not say what they were planned from."""
    with monkeypatch.context() as patch:
        patch.setattr(delta.Target, "create", created_by_spark)
        lab.send(sale(1)).land()
    before, since = lab.lake.ledger(lab.bronze.key), lab.lake.version(lab.bronze.key)
    target = delta.Target(lab.spark, lab.lake, lab.bronze.key)
    target.spark.sql(f"ALTER TABLE {target.sql} SET TBLPROPERTIES ('made' = 'before')").collect()

    assert restate(target, lab.bronze, "maintenance")
    assert not forget(lab.lake, lab.bronze.key, since)

    assert said(lab.lake.ledger(lab.bronze.key)) == said(before)
    lab.send(sale(2)).land()
    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 1)]
