"""Files dropped into S3, by situation, against the real S3 and Spark."""

from __future__ import annotations

import json
import time
from dataclasses import fields
from datetime import UTC, datetime

import pytest
from dagster import DagsterInstance, SkipReason

from lakehouse_assets.cli.tables import ranges as shown_ranges
from lakehouse_assets.engine.kinds import DimensionTable
from lakehouse_assets.engine.kinds.drop import DROP_TAG
from lakehouse_assets.engine.orchestration import pipelines
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.orchestration.pipelines import increment_job
from lakehouse_assets.engine.orchestration.progress import snapshot
from lakehouse_assets.engine.sources import landing
from lakehouse_assets.engine.sources.file_versions import parse
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.writing import publication
from lakehouse_assets.errors import ContractError, PlanError, UnavailableError
from lakehouse_assets_tests.engine.drop_lab import HEADER, PAUSE_SECONDS, DropLab, product
from lakehouse_assets_tests.jobs import tick

pytestmark = pytest.mark.services


@pytest.fixture
def drops(services, spark) -> DropLab:
    return DropLab(services, spark)


def test_a_file_goes_row_by_row_from_s3_to_silver(drops: DropLab):
    """Bronze keeps each line's own bytes offset and time of the drop; an empty cell is null in silver."""
    drops.drop("list one.csv", product(1, "Müsli"), product(2, "")).ingest()

    first, second = drops.rows(drops.bronze.key)
    version = parse(first["topic_id"])
    assert (version.name, first["key"]) == ("list one.csv", b"list one.csv")
    assert first["offset"] == len(HEADER)
    assert second["offset"] == len((HEADER + product(1, "Müsli")).encode())
    assert json.loads(first["value"])["ProductName"] == "Müsli"
    assert first["timestamp"] == version.modified
    assert first["event_date"] == version.modified.date()
    assert drops.products() == {"1": "Müsli", "2": None}


def test_only_what_is_new_is_taken(drops: DropLab):
    """A repeated, a touched and a half-written file change nothing; a changed one is another version; none is lost."""
    drops.drop("a.csv", product(1), product(2)).ingest()
    assert drops.plan() == ()
    time.sleep(PAUSE_SECONDS)
    drops.drop("a.csv", product(1), product(2)).drop("_a.csv", product(3)).drop("b.csv.tmp", product(4))
    assert drops.plan() == ()
    assert drops.lags() == [0, 0]

    drops.drop("a.csv", product(1), product(2, "Cream"))
    assert drops.lags() == [1, 1]
    drops.ingest()

    assert len(drops.rows(drops.bronze.key)) == 4
    assert drops.products() == {"1": "Milk", "2": "Cream"}
    losers = {row["ProductNo"]: row["losers"] for row in drops.rows(drops.silver.key)}
    assert [len(losers["1"]), len(losers["2"])] == [1, 1]
    drops.remove("a.csv")
    assert (drops.plan(), drops.lags()) == ((), [0, 0])


def test_a_bad_file_is_set_aside_whole_and_the_good_ones_go_on(drops: DropLab):
    """Nothing of it reaches bronze or silver; the reason names line and column; a corrected drop is simply taken."""
    bad = {
        "cut.csv": (HEADER + product(3) + "4,Mil").encode(),
        "empty.csv": b"",
        "encoding.csv": (HEADER + product(6, "Käse")).encode("latin-1"),
        "ragged.csv": (HEADER + product(1) + "2,Milk\n").encode(),
        "renamed.csv": b"ProductNo,Name,Department,Brand\n5,Milk,DAIRY,National\n",
    }
    for name, body in bad.items():
        drops.put(name, body)
    drops.drop("good.csv", product(7)).ingest()

    assert drops.products() == {"7": "Milk"}
    assert [json.loads(row["value"])["ProductNo"] for row in drops.rows(drops.bronze.key)] == ["7"]
    aside = drops.rows(drops.bronze.quarantine)
    assert {row["key"].decode(): row["value"] for row in aside} == bad
    assert {row["offset"] for row in aside} == {0}
    reasons = {row["key"].decode(): row["reasons"] for row in aside}
    assert reasons["ragged.csv"] == ["file: line 3: 2 cells, the header has 4; none for column 'Department'"]
    assert reasons["renamed.csv"][0].startswith("file: line 1: no column 'ProductName'; the header has")
    assert reasons["encoding.csv"] == ["file: line 2, byte 4 (0xe4): not UTF-8"]
    assert reasons["empty.csv"] == ["file: line 1: the file is empty; it needs a header"]
    assert "cut off" in reasons["cut.csv"][0]

    drops.drop("ragged.csv", product(1), product(2)).ingest()
    assert drops.products() == {"1": "Milk", "2": "Milk", "7": "Milk"}


def test_a_file_beyond_the_size_limit_is_set_aside_unread(drops: DropLab):
    """The source goes on after it."""
    drops.settings = drops.settings.model_copy(update={"max_bytes_per_file": 100, "max_bytes_per_batch": 50})
    drops.drop("big.csv", *(product(number) for number in range(9))).drop("small.csv", product(1))
    drops.ingest().ingest()

    (aside,) = drops.rows(drops.bronze.quarantine)
    assert aside["reasons"][0].endswith("at most 100 are read: split it")
    assert drops.products() == {"1": "Milk"}


def test_rows_that_break_a_rule_are_set_aside_one_by_one(drops: DropLab):
    """Their file is sound, so the others are published."""
    drops.drop("a.csv", product(1), product(2, brand="Mine"), ",Milk,DAIRY,National\n").ingest()

    assert drops.products() == {"1": "Milk"}
    reasons = sorted(row["reasons"] for row in drops.rows(drops.silver.quarantine))
    assert reasons == [["Brand: isin(['National', 'Private'])"], ["ProductNo: not null"]]


def test_a_file_replaced_or_deleted_before_it_is_read_is_planned_anew(drops: DropLab):
    """Its bytes are those of the planned etag or none at all; nothing is written."""
    planned = drops.drop("a.csv", product(1)).plan()
    drops.drop("a.csv", product(2))
    with pytest.raises(UnavailableError, match="replaced or deleted"):
        drops.land(planned)
    drops.remove("a.csv")
    with pytest.raises(UnavailableError, match="replaced or deleted"):
        drops.land(planned)
    assert drops.lake.version(drops.bronze.key) == -1

    drops.drop("a.csv", product(2)).ingest()
    assert drops.products() == {"2": "Milk"}


def test_a_run_that_died_after_its_quarantine_leaves_nothing_behind(drops: DropLab, monkeypatch):
    """The bad file is corrected before the retry: its row in the quarantine is gone, each good row is there once."""
    drops.drop("a.csv", product(1)).drop("bad.csv", "2\n")
    with monkeypatch.context() as patch:
        patch.setattr(publication, "_write", lambda _target, _batch: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            drops.land()
    assert len(drops.rows(drops.bronze.quarantine)) == 1
    drops.drop("bad.csv", product(2)).ingest()

    assert drops.rows(drops.bronze.quarantine) == []
    assert drops.products() == {"1": "Milk", "2": "Milk"}
    assert len(drops.rows(drops.bronze.key)) == 2


def test_a_plan_is_written_once_however_often_it_is_tried(drops: DropLab):
    """Of two publications of one plan the second is refused; a plan of files already taken is, too."""
    planned = drops.drop("a.csv", product(1)).plan()
    one, other = drops.prepare_land(planned), drops.prepare_land(planned)
    drops.publish(one)
    with pytest.raises(PlanError):
        drops.publish(other)
    with pytest.raises(PlanError):
        drops.land(planned)
    assert len(drops.rows(drops.bronze.key)) == 1


def test_a_repair_and_a_rebuild_give_the_same_rows(drops: DropLab):
    """What landing still holds comes back to bronze; silver's day is recomputed to the same winners."""
    drops.drop("a.csv", product(1), product(2)).drop("gone.csv", product(3)).ingest()
    drops.drop("a.csv", product(1, "Cream")).ingest()
    drops.remove("gone.csv")
    keys = [drops.bronze.key, drops.silver.key]
    before = [drops.rows(key) for key in keys]
    days = sorted({row["event_date"] for row in before[0]})

    drops.publish_all(drops.bronze.rebuild(drops.engine(), days))
    drops.publish_all(drops.silver.rebuild(drops.engine(), days))

    assert [drops.rows(key) for key in keys] == before


def test_a_table_that_lies_otherwise_than_its_file_says_is_refused_by_name(drops: DropLab):
    """Days do not become a dimension in silence: it says what to run, and writes nothing."""
    drops.drop("a.csv", product(1)).ingest()
    days = drops.rows(drops.silver.key)
    held = drops.silver
    drops.silver = DimensionTable(**{each.name: getattr(held, each.name) for each in fields(held)})
    drops.drop("b.csv", product(2)).land()

    with pytest.raises(ContractError, match=r"parted by event_date, its file says by nothing.*lakehouse reset"):
        drops.refine()
    assert drops.rows(drops.silver.key) == days
    assert drops.rows(drops.silver.quarantine) == []
    drops.silver = held
    drops.refine()
    assert drops.products() == {"1": "Milk", "2": "Milk"}


def test_the_sensor_takes_a_file_to_silver_and_says_what_is_in_it(drops: DropLab, monkeypatch):
    """A tick asks for a run over the frozen file, the run shows its day; then provenance names the file."""
    drops.drop("a.csv", product(1))
    now = datetime.now(UTC)
    monkeypatch.setattr(pipelines, "load", lambda: drops.settings)
    with DagsterInstance.ephemeral() as instance:
        asked = tick(instance, drops.settings, drops.bronze, drops.tables, now)
        assert asked.tags[DROP_TAG] == drops.prefix.strip("/")
        spark = SparkConnect()
        done = increment_job(drops.bronze, drops.tables).execute_in_process(
            run_config=asked.run_config,
            instance=instance,
            tags=asked.tags,
            resources={"spark": spark, "delta": DeltaIOManager(spark=spark)},
        )
        assert done.success
        for table in drops.tables:
            days = {row["event_date"].isoformat() for row in drops.rows(table.key)}
            assert set(instance.get_materialized_partitions(table.asset_key)) == days
        again = tick(instance, drops.settings, drops.bronze, drops.tables, now)
    assert isinstance(again, SkipReason)
    assert "nothing new on drop landing/" in again.skip_message
    assert [(each.lag, each.taken, each.unit) for each in snapshot(drops.settings, drops.tables)] == [
        (0, 1, "files")
    ] * 2
    ledger = drops.lake.ledger(drops.silver.key)
    shown = shown_ranges(drops.silver.key, ledger, ledger.position)
    size = len(HEADER + product(1))
    cells = [next(iter(column.cells)) for column in shown.columns]
    assert cells[1:2] + cells[3:] == ["a.csv", "0", str(size - 1), str(size)]


def test_a_store_that_does_not_answer_is_named(drops: DropLab):
    """As unavailable, which a tick skips, and not as an empty prefix."""
    away = drops.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    with pytest.raises(UnavailableError, match="no answer"):
        landing.listing(away, drops.prefix)
