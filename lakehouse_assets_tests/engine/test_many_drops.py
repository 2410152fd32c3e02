"""A drop that has taken 100,000 files: what a commit says of them stays small, and what is known of them exact."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from lakehouse_assets.engine.display.table_reading import read_table
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.history.segments import KEPT, LostSegmentError
from lakehouse_assets.engine.kinds import Table
from lakehouse_assets.engine.sources import landing
from lakehouse_assets.engine.sources.file_versions import FileVersion
from lakehouse_assets.engine.upkeep import resets
from lakehouse_assets.engine.upkeep.restating import restate
from lakehouse_assets.engine.writing import delta, publication, quarantine, spark_writer, stating
from lakehouse_assets_tests.engine.drop_lab import DropLab, product

pytestmark = pytest.mark.services
FEW = 120
"""Files, really dropped: one segment and some."""
SMALL_BYTES = 100_000
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def drops(services, spark) -> DropLab:
    return DropLab(services, spark)


def taken_long_ago(count: int) -> Position:
    versions = [FileVersion(LONG_AGO + timedelta(seconds=n), f"old-{n:07}.csv", uuid4().hex) for n in range(count)]
    return Position().advance(Slice(each.id, 0, 0, 90) for each in versions)


def has_taken(drops: DropLab, table: Table, old: Position) -> Position:
    """The table's history says that it has taken these files as well, before those that it holds."""
    ledger = drops.lake.ledger(table.key)
    position = old.advance(ledger.position.slices())
    said = Statement("increment", "long ago", position=position)
    stating.state(target(drops, table.key), said, ledger.version, "test")
    return position


def target(drops: DropLab, key: str) -> delta.Target:
    return delta.Target(drops.spark, drops.lake, key)


def keys(drops: DropLab) -> list[str]:
    return [key for table in drops.tables for key in (table.key, table.quarantine) if drops.lake.open(key)]


def sealed(drops: DropLab, key: str) -> list[dict[str, Any]]:
    """The segments of a table, as another reader finds them."""
    listed = client(drops).list_objects_v2(Bucket=drops.settings.bucket, Prefix=f"{key}/_positions/")
    return listed.get("Contents", [])


def client(drops: DropLab) -> Any:
    return landing.client(drops.settings)


def lose(drops: DropLab, *keys: str) -> None:
    """Their segments are deleted, and this process knows nothing of them."""
    for key in keys:
        for each in sealed(drops, key):
            client(drops).delete_object(Bucket=drops.settings.bucket, Key=each["Key"])
    KEPT.clear()


def drop_few(drops: DropLab) -> DropLab:
    for number in range(FEW):
        drops.drop(f"{number:03}.csv", product(number), ",Milk,DAIRY,National\n" if number == 7 else "")
    return drops


def assert_exact(drops: DropLab, *files: str) -> None:
    """Each file is in bronze once, each product in silver, and the position is that of the files dropped."""
    listed = landing.listing(drops.settings, drops.prefix).files
    names = sorted(row["key"].decode() for row in drops.rows(drops.bronze.key))
    assert names == sorted([*(f"{number:03}.csv" for number in range(FEW)), "007.csv", *files])
    assert len(drops.products()) == FEW + len(files)
    assert len(drops.rows(drops.silver.quarantine)) == 1
    for table in drops.tables:
        assert set(drops.position(table).topic_ids) == {each.version.id for each in listed}
    assert (drops.plan(), drops.lags()) == ((), [0, 0])


def commit_bytes(drops: DropLab, key: str) -> int:
    """The size of the newest commit, as it lies in the store."""
    prefix = f"{key}/_delta_log/"
    bucket = drops.settings.bucket
    listed = client(drops).list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    newest = max((each for each in listed if each["Key"].endswith(".json")), key=lambda each: each["Key"])
    body = client(drops).get_object(Bucket=bucket, Key=newest["Key"])["Body"].read()
    assert json.loads(body.splitlines()[0])
    return len(body)


@pytest.mark.parametrize("count", [2_345, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_commit_over_many_files_is_small_and_takes_the_new_file_alone(drops: DropLab, count: int):
    """Bronze, silver and their quarantines; a fresh process finds what was taken before and the new file, in order."""
    drops.drop("first.csv", product(1), ",Milk,DAIRY,National\n").ingest()
    old = taken_long_ago(count)
    known = {table: has_taken(drops, table, old) for table in drops.tables}
    assert drops.lags() == [0, 0]

    drops.drop("new.csv", product(3), ",Milk,DAIRY,National\n")
    (new,) = drops.plan()
    drops.ingest()

    KEPT.clear()
    for table in drops.tables:
        assert commit_bytes(drops, table.key) < SMALL_BYTES
        assert list(drops.position(table).slices()) == [*known[table].slices(), new]
    assert commit_bytes(drops, drops.silver.quarantine) < SMALL_BYTES
    assert drops.products() == {"1": "Milk", "3": "Milk"}
    assert len(drops.rows(drops.bronze.key)) == 4
    assert (drops.plan(), drops.lags()) == ((), [0, 0])


@pytest.mark.parametrize("count", [1_200, 100_000])
@pytest.mark.slow
def test_what_is_shown_rebuilt_and_replayed_names_only_the_files_it_needs(drops: DropLab, count: int, monkeypatch):
    """Of a quarantine not what a dead run left beyond the position; a rebuild and a replay change no row."""
    drops.drop("first.csv", product(1), ",Milk,DAIRY,National\n").ingest()
    old = taken_long_ago(count)
    for table in drops.tables:
        has_taken(drops, table, old)
    drops.drop("new.csv", product(3), ",Milk,DAIRY,National\n").land()
    with monkeypatch.context() as patch:
        patch.setattr(publication, "_write", _killed)
        with pytest.raises(OSError, match="killed"):
            drops.refine()

    assert len(drops.rows(drops.silver.quarantine)) == 2
    assert read_table(drops.lake, drops.silver.quarantine).num_rows == 1
    shown = quarantine.shown(drops.spark, drops.lake, drops.silver.key, drops.silver.quarantine)
    assert shown.count() == 1

    drops.refine()
    before = [drops.rows(drops.silver.key), len(drops.rows(drops.silver.quarantine))]
    days = sorted(drops.lake.days(drops.bronze.key))
    drops.publish_all(drops.silver.rebuild(drops.engine(), days))
    drops.publish_all(drops.silver.replay(drops.engine(), days))
    assert [drops.rows(drops.silver.key), len(drops.rows(drops.silver.quarantine))] == before
    assert drops.products() == {"1": "Milk", "3": "Milk"}


@pytest.mark.slow
def test_a_run_killed_between_its_segments_and_its_commit_harms_nobody(drops: DropLab, monkeypatch):
    """The segment lies there and no commit names it; the next run, with another file before it, goes on as ever."""
    drop_few(drops)
    with monkeypatch.context() as patch:
        patch.setattr(publication, "_write", _killed)
        with pytest.raises(OSError, match="killed"):
            drops.land()
    assert len(sealed(drops, drops.bronze.key)) == 1
    assert drops.position(drops.bronze) == Position()

    drops.drop("000 first.csv", product(900)).ingest()
    assert_exact(drops, "000 first.csv")


def _killed(target: delta.Target, batch: publication.Publication) -> None:
    target.said(batch.statement)
    raise OSError("killed")


@pytest.mark.slow
def test_lost_segments_are_made_anew_from_the_rows(drops: DropLab):
    """Nothing is taken for new: every file once, also the new one; without one, maintenance says the position again."""
    drop_few(drops).ingest()
    lose(drops, *keys(drops))
    with pytest.raises(LostSegmentError, match=rf"{drops.bronze.key}/_positions/"):
        assert drops.position(drops.bronze).topic_ids
    assert drops.plan() == ()

    drops.drop("new.csv", product(900)).ingest()
    assert_exact(drops, "new.csv")

    lose(drops, *keys(drops))
    for table in drops.tables:
        for key in keys(drops):
            if key in (table.key, table.quarantine):
                assert restate(target(drops, key), table, "maintenance")
    KEPT.clear()
    assert_exact(drops, "new.csv")


@pytest.mark.slow
def test_no_vacuum_takes_a_segment(drops: DropLab):
    """Neither Delta's nor delta-rs's, with no retention at all; every version then still says what it holds."""
    drop_few(drops).ingest()
    drops.drop("new.csv", product(900)).ingest()
    before = {key: sealed(drops, key) for key in keys(drops)}
    assert [len(each) for each in before.values()] == [1, 1, 1]

    with spark_writer.configured(drops.spark, {"spark.databricks.delta.retentionDurationCheck.enabled": "false"}):
        for key in before:
            drops.spark.sql(f"VACUUM {target(drops, key).sql} RETAIN 0 HOURS").collect()
            for full in (False, True):
                drops.lake.open(key).vacuum(0, dry_run=False, enforce_retention_duration=False, full=full)

    assert {key: sealed(drops, key) for key in before} == before
    KEPT.clear()
    assert_exact(drops, "new.csv")
    drops.drop("newer.csv", product(901)).ingest()
    newest = drops.lake.version(drops.bronze.key)
    taken = {len(drops.lake.ledger(drops.bronze.key, version).position) for version in range(newest + 1)}
    assert taken == {0, FEW, FEW + 1, FEW + 2}


@pytest.mark.slow
def test_a_position_that_an_older_release_wrote_whole_is_gone_on_from(drops: DropLab, monkeypatch):
    """As it is; the next commit seals it."""
    drops.drop("first.csv", product(1)).ingest()
    old = taken_long_ago(300)
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "said", lambda _lake, _key, statement: statement.to_json())
        for table in drops.tables:
            has_taken(drops, table, old)
            assert (len(drops.position(table)), sealed(drops, table.key)) == (301, [])

    drops.drop("new.csv", product(3)).ingest()

    assert drops.products() == {"1": "Milk", "3": "Milk"}
    for table in drops.tables:
        assert (len(drops.position(table)), len(sealed(drops, table.key))) == (302, 3)
        assert drops.position(table).topic_ids[:300] == old.topic_ids


@pytest.mark.slow
def test_a_table_started_over_by_another_process_writes_its_segments_again(drops: DropLab):
    """Though this process remembers having written them; a RESTORE then makes the older position stand."""
    drop_few(drops).ingest()
    for key in reversed(keys(drops)):
        resets.delete(drops.settings, key)
        assert sealed(drops, key) == []

    drops.ingest()
    KEPT.clear()
    assert_exact(drops)

    version = drops.lake.version(drops.bronze.key)
    drops.drop("new.csv", product(900)).land()
    drops.restore(drops.bronze, version)
    KEPT.clear()
    assert len(drops.position(drops.bronze)) == FEW
