"""A drop that has taken 100,000 files: what a commit says of them stays small, and what is known of them exact."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.sources import landing
from lakehouse_assets.engine.sources.file_versions import FileVersion
from lakehouse_assets.engine.tables import Table
from lakehouse_assets.engine.writing import delta, stating
from lakehouse_assets_tests.engine.drop_lab import DropLab, product

pytestmark = pytest.mark.services
FILES = 100_000
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
    stating.state(delta.Target(drops.spark, drops.lake, table.key), said, ledger.version, "test")
    return position


def commit_bytes(drops: DropLab, key: str) -> int:
    """The size of the newest commit, as it lies in the store."""
    prefix = f"{key}/_delta_log/"
    client, bucket = landing.client(drops.settings), drops.settings.bucket
    listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    newest = max((each for each in listed if each["Key"].endswith(".json")), key=lambda each: each["Key"])
    body = client.get_object(Bucket=bucket, Key=newest["Key"])["Body"].read()
    assert json.loads(body.splitlines()[0])
    return len(body)


def test_a_commit_over_100_000_files_is_small_and_takes_the_new_file_alone(drops: DropLab):
    """Bronze and silver; what they hold then is what was taken before and the new file, in that order."""
    drops.drop("first.csv", product(1), "2,\n").ingest()
    old = taken_long_ago(FILES)
    known = {table: has_taken(drops, table, old) for table in drops.tables}
    assert drops.lags() == [0, 0]

    drops.drop("new.csv", product(3))
    (new,) = drops.plan()
    drops.ingest()

    for table in drops.tables:
        assert commit_bytes(drops, table.key) < SMALL_BYTES
        assert list(drops.position(table).slices()) == [*known[table].slices(), new]
    assert drops.products() == {"1": "Milk", "3": "Milk"}
    assert (drops.plan(), drops.lags()) == ((), [0, 0])
