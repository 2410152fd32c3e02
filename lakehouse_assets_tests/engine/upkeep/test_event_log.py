"""Spark's event log: bounded, and without a secret."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse_assets.engine.upkeep.event_log import sweep

KB = 1024


def application(folder: Path, name: str, parts: int, age: int) -> Path:
    made = folder / f"eventlog_v2_{name}"
    made.mkdir(parents=True)
    for number in range(1, parts + 1):
        (made / f"events_{number}_{name}.zstd").write_bytes(b"x" * KB)
    (made / f"appstatus_{name}.inprogress").touch()
    os.utime(made, (1_000_000 - age, 1_000_000 - age))
    return made


def left(folder: Path) -> list[str]:
    return sorted(part.name for part in folder.glob("*/events_*"))


def test_the_oldest_parts_go_first_until_the_rest_fits(tmp_path):
    """Part 10 is newer than part 9, and an older application goes before a newer one."""
    application(tmp_path, "old", 2, age=100)
    application(tmp_path, "new", 11, age=0)

    assert sweep(tmp_path, 3 * KB) == 10 * KB
    assert left(tmp_path) == ["events_10_new.zstd", "events_11_new.zstd", "events_9_new.zstd"]


def test_the_part_that_is_being_written_stays(tmp_path):
    application(tmp_path, "new", 3, age=0)

    sweep(tmp_path, 0)
    assert left(tmp_path) == ["events_3_new.zstd"]


def test_what_fits_is_left_alone(tmp_path):
    """So is a folder that is not there yet."""
    application(tmp_path, "new", 3, age=0)

    assert sweep(tmp_path, 3 * KB) == 0
    assert sweep(tmp_path / "nothing", 0) == 0
    assert len(left(tmp_path)) == 3


@pytest.mark.services
def test_spark_writes_it_and_no_secret_into_it(services, spark):
    """Queries are in it; the store's keys, which the server knows, are not."""
    spark.range(3).selectExpr("sum(id) AS told_by_the_event_log").collect()

    text = _text(services.home / "logs" / "spark-events", "SparkListenerSQLExecutionStart")
    assert "SparkListenerApplicationStart" in text
    assert services.s3_access_key not in text
    assert services.s3_secret_key.get_secret_value() not in text


def _text(folder: Path, awaited: str) -> str:
    """The first part, where the server tells of itself, and the newest one, which ends in the middle of a frame."""
    text = b""
    parts = sorted(folder.glob("eventlog_v2_*/events_*"), key=lambda part: int(part.name.split("_")[1]))
    for part in {parts[0], parts[-1]}:
        with pa.input_stream(str(part), compression="zstd") as stream:
            try:
                while block := stream.read(65536):
                    text += block
            except OSError:
                continue
    assert awaited.encode() in text
    return text.decode(errors="replace")
