"""Tidying beside the batches: a table that changes every second stays quick to open and to read, and says the same."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, write_deltalake

from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.upkeep import tidying
from lakehouse_assets.engine.upkeep.tidying import CHECKPOINT_COMMITS, CROWD_FILES, LOOK_COMMITS, Tidying, tidy
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.local_lake import LocalLake

KEY = "bronze/sales/orders"
DAYS = [date(2017, 3, 1), date(2017, 3, 2)]
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
APPEND_ONLY = {"delta.appendOnly": "true", "delta.isolationLevel": "Serializable"}


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    return LocalLake(Settings(), tmp_path)


def commit(lake: LocalLake, number: int, day: date = DAYS[0]) -> None:
    said = Statement("increment", "run", (day,), position=Position({"t": {0: ((0, number + 1),)}})).to_json()
    rows = pa.table({"n": [number], "event_date": pa.array([day], pa.date32())})
    properties = CommitProperties(custom_metadata={"userMetadata": said})
    parted = {"partition_by": ["event_date"], "configuration": APPEND_ONLY} if number == 0 else {}
    write_deltalake(
        lake.uri(KEY), rows, mode="append", commit_properties=properties, post_commithook_properties=NO_HOOKS, **parted
    )


def checkpoints(lake: LocalLake) -> list[str]:
    return sorted(path.name for path in (lake.folder / KEY / "_delta_log").glob("*.checkpoint.parquet"))


def seen(lake: LocalLake):
    """Rows, position and what changed, as people and other tables read them."""
    ledger, commits = lake.ledger(KEY), [each.statement for each in lake.commits(KEY) if each.statement]
    return sorted(DeltaTable(lake.uri(KEY)).to_pyarrow_table()["n"].to_pylist()), ledger.position, commits


def test_a_crowded_partition_of_an_append_only_table_becomes_one_file(lake):
    """Others are left; rows, position and history say the same; a second time there is nothing to do."""
    for number in range(CROWD_FILES):
        commit(lake, number)
    commit(lake, CROWD_FILES, DAYS[1])
    before = seen(lake)

    tidy(lake, KEY)
    once = lake.version(KEY)
    tidy(lake, KEY)

    assert {day: size.files for day, size in lake.sizes(KEY).items()} == dict.fromkeys(DAYS, 1)
    assert (seen(lake), lake.version(KEY)) == (before, once)


def test_the_log_has_a_checkpoint_before_many_commits(lake):
    """None for few; the history before it stays."""
    for number in range(CHECKPOINT_COMMITS - 1):
        commit(lake, number, DAYS[number % 2])
    tidy(lake, KEY)
    assert checkpoints(lake) == []
    commit(lake, CHECKPOINT_COMMITS)

    before = seen(lake)
    tidy(lake, KEY)
    tidy(lake, KEY)

    assert len(checkpoints(lake)) == 1
    assert seen(lake) == before


def test_a_table_is_looked_after_now_and_then_and_never_two_at_once(lake, monkeypatch):
    """However many commits come."""
    asked: list[str] = []
    monkeypatch.setattr(tidying, "tidy", lambda _, key: asked.append(key))
    work = Tidying(lake)
    for _ in range(3 * LOOK_COMMITS):
        work.committed("a", "b")
        if work._at_work is not None:
            work._at_work.result()
    work.end()

    assert asked.count("a") == 3
    assert asked.count("b") in (2, 3)


def test_what_goes_wrong_meanwhile_is_nobodys_concern(lake, monkeypatch):
    """A lost race, a store that is away, a table that was never made."""
    commit(lake, 0)
    monkeypatch.setattr(tidying, "crowded", lambda *_: (_ for _ in ()).throw(OSError("away")))

    tidy(lake, KEY)
    tidy(lake, "gold/no/table")

    assert lake.version(KEY) == 0
