"""Tables that Spark made for earlier releases go on under both writers, and read right by a reader of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable
from pyspark.sql.types import StructType

from lakehouse_assets.access import s3
from lakehouse_assets.engine.writing import delta, protocol
from lakehouse_assets_tests.engine import expectation
from lakehouse_assets_tests.engine.expectation import Sent
from lakehouse_assets_tests.engine.lab import WRITERS, Lab, sale
from lakehouse_assets_tests.engine.writing.test_deduplication import gold_of, silver_of

pytestmark = [pytest.mark.services, pytest.mark.slow]

BEFORE_THIS_ONE = {
    "delta.isolationLevel": "Serializable",
    "delta.enableExpiredLogCleanup": "false",
    "delta.checkpointInterval": "10",
    "delta.logRetentionDuration": "interval 30 days",
}
THE_FIRST = {"delta.isolationLevel": "Serializable", "delta.enableInCommitTimestamps": "true"}
"""With in-commit timestamps, which delta-rs cannot write."""


def as_spark_made(properties: Mapping[str, str]) -> Callable[..., None]:
    """What `delta.Target.create` was in that release."""

    def create(target: delta.Target, schema: StructType, *, by: Sequence[str], append_only: bool = False) -> None:
        if target.exists():
            return
        given = {**properties, **({"delta.appendOnly": "true"} if append_only else {})}
        shown = ", ".join(f"'{name}' = '{value}'" for name, value in given.items())
        parted = f"PARTITIONED BY ({', '.join(by)})" if by else ""
        made = f"CREATE TABLE IF NOT EXISTS {target.sql} ({delta.ddl(schema)}) USING delta"
        target.spark.sql(f"{made} {parted} TBLPROPERTIES ({shown})")

    return create


@pytest.mark.parametrize(
    ("properties", "is_taken"), [(BEFORE_THIS_ONE, True), (THE_FIRST, False)], ids=["the one before", "the first"]
)
def test_a_table_of_an_earlier_release_goes_on_under_both_writers(
    lab: Lab, tmp_path: Path, monkeypatch, properties, is_taken
):
    """With quarantines; where the run's own writer may not write Spark does, and nobody is told."""
    sent = list[Sent]()
    with monkeypatch.context() as patch:
        patch.setattr(delta.Target, "create", as_spark_made(properties))
        taken_in(lab.written_by("spark"), sent)
    before = {table.key: lab.lake.version(table.key) for table in lab.tables}
    for writer in WRITERS * 2:
        taken_in(lab.written_by(writer), sent)

    assert silver_of(lab) == expectation.silver(sent)
    assert gold_of(lab) == expectation.revenue(sent)
    for table in lab.tables:
        opened = lab.lake.open(table.key)
        assert protocol.takes(opened) is is_taken
        assert engines(opened, before[table.key]) == {"Apache-Spark", *(["delta-rs"] if is_taken else [])}
    assert_read_alike(lab, sent, tmp_path)


def taken_in(lab: Lab, sent: list[Sent]) -> None:
    """A batch of new events, of one that was there before, and of a record that cannot be read."""
    first = len(sent)
    values = [sale(each, price=1.25, date=f"2017-03-0{1 + each % 2}") for each in (first, first + 1, first // 2)]
    lab.send(*values, b"broken").ingest()
    sent += [Sent((0, first + at), json.loads(value)) for at, value in enumerate(values)]
    sent.append(Sent((0, first + len(values)), None))


def engines(table: DeltaTable, since: int) -> set[str]:
    """Who has committed since a version."""
    return {
        str(each.get("engineInfo") or each.get("clientVersion")).split("/")[0].split(".")[0].split(":")[0]
        for each in table.history()
        if each["version"] > since
    }


def assert_read_alike(lab: Lab, sent: list[Sent], folder: Path) -> None:
    """By DuckDB, of the files that the log names, as plain Python reads it."""
    events = expectation.silver(sent)
    winners = read(lab, lab.silver.key, folder, 'SELECT "offset", "Price", len(losers) FROM t ORDER BY 1')
    assert winners == sorted(
        (each.winner[1], each.price, len(each.duplicates | each.superseded)) for each in events.values()
    )
    days = read(lab, lab.gold.key, folder, "SELECT event_date::VARCHAR, revenue, lines FROM t ORDER BY 1")
    assert days == [(day, *found) for day, found in sorted(expectation.revenue(sent).items())]
    assert read(lab, lab.bronze.key, folder, 'SELECT count(*), count(DISTINCT "offset") FROM t') == [
        (len(sent), len(sent))
    ]


def read(lab: Lab, key: str, folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """A query over `t`: the table's files, brought here."""
    with duckdb.connect() as connection:
        files = [str(path) for path in fetched(lab, key, folder)]
        connection.execute(
            "CREATE TABLE t AS SELECT * FROM read_parquet(?, hive_partitioning = true, union_by_name = true)", [files]
        )
        return connection.execute(sql).fetchall()


def fetched(lab: Lab, key: str, folder: Path) -> list[Path]:
    """The files that a table's log adds and does not remove, as it was written."""
    client, bucket = s3.client(lab.settings), lab.settings.bucket
    names = [each["Key"] for each in client.list_objects_v2(Bucket=bucket, Prefix=f"{key}/")["Contents"]]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        client.download_file(bucket, name, str(folder / name))
    live = set[str]()
    for entry in sorted((folder / key / "_delta_log").glob("*.json")):
        actions = [json.loads(line) for line in entry.read_text().splitlines()]
        live -= {each["remove"]["path"] for each in actions if "remove" in each}
        live |= {each["add"]["path"] for each in actions if "add" in each}
    return [folder / key / path for path in sorted(live)]
