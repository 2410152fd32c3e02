"""Answers that are remembered as long as a table's log ends as it did."""

from __future__ import annotations

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.access import s3
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.remembered import RememberedLake
from lakehouse_assets.errors import UnavailableError

pytestmark = pytest.mark.services

KEY = "silver/remembered/orders"


@pytest.fixture
def lake(services) -> Lake:
    lake = Lake(services)
    drop(lake)
    return lake


def drop(lake: Lake) -> None:
    client, bucket = s3.client(lake.settings), lake.settings.bucket
    for each in client.list_objects_v2(Bucket=bucket, Prefix=f"{KEY}/").get("Contents", ()):
        client.delete_object(Bucket=bucket, Key=each["Key"])


def commit(lake: Lake, number: int) -> None:
    said = Statement("increment", "run", position=Position({"t": {0: ((0, number + 1),)}})).to_json()
    rows = pa.table({"n": [number], "event_date": [f"2017-03-{1 + number % 9:02}"]})
    properties = CommitProperties(custom_metadata={"userMetadata": said})
    options, by = lake.storage_options(), ["event_date"]
    write_deltalake(
        lake.uri(KEY), rows, mode="append", storage_options=options, partition_by=by, commit_properties=properties
    )


def checkpoint(lake: Lake, _number: int) -> None:
    if (table := lake.open(KEY)) is not None:
        table.create_checkpoint()


def remake(lake: Lake, number: int) -> None:
    """With as many versions as before, or more."""
    versions = lake.version(KEY) + 1
    drop(lake)
    for each in range(versions):
        commit(lake, number + each)


def told(lake: Lake):
    ledger = lake.ledger(KEY)
    return lake.version(KEY), ledger.position, lake.rows(KEY), lake.days(KEY), lake.parted_by(KEY)


ACTS = st.lists(st.sampled_from([commit, commit, checkpoint, remake, lambda lake, _: drop(lake)]), max_size=6)


@settings(max_examples=12, deadline=None)
@given(acts=ACTS)
def test_each_look_tells_what_a_lake_without_memory_tells(services, acts):
    """After commits, checkpoints, and where the table is deleted or made anew."""
    lake = Lake(services)
    drop(lake)
    for number, act in enumerate(acts):
        act(lake, 10 * number)
        assert told(RememberedLake(services)) == told(lake)


def test_a_table_at_rest_is_not_opened(lake, monkeypatch):
    """Nor is one that does not exist."""
    commit(lake, 0)
    commit(lake, 1)
    before = told(RememberedLake(lake.settings)), RememberedLake(lake.settings).version("silver/no/table")
    monkeypatch.setattr("lakehouse_assets.engine.history.lake.DeltaTable", lambda *_, **__: pytest.fail("opened"))

    assert (told(RememberedLake(lake.settings)), RememberedLake(lake.settings).version("silver/no/table")) == before


def test_a_lake_stands_still_for_as_long_as_it_is_looked_at(lake):
    """Its first look counts; the next lake looks anew."""
    commit(lake, 0)
    standing = RememberedLake(lake.settings)
    assert standing.version(KEY) == 0
    commit(lake, 1)

    assert standing.version(KEY) == 0
    assert RememberedLake(lake.settings).version(KEY) == 1


def test_an_answer_that_fails_is_asked_for_again(lake, monkeypatch):
    """A store that is away for a moment leaves nothing behind."""
    commit(lake, 0)
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "rows", lambda *_: (_ for _ in ()).throw(UnavailableError("away", where=KEY, do="Wait")))
        with pytest.raises(UnavailableError):
            RememberedLake(lake.settings).rows(KEY)

    assert RememberedLake(lake.settings).rows(KEY) == 1
    assert DeltaTable(lake.uri(KEY), storage_options=lake.storage_options()).version() == 0
