"""A lake that stands still: one look at a table, and what is committed meanwhile only when it is asked to move."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.looks import StandingLake
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.local_lake import LocalLake, LocalSegments

KEY, OTHER = "silver/sales/orders", "gold/sales/answers"


@dataclass(frozen=True)
class StandingLocalLake(StandingLake):
    """In a folder."""

    folder: Path

    def uri(self, key: str, scheme: str = "s3") -> str:
        return str(self.folder / key)

    def storage_options(self) -> dict[str, str]:
        return {}

    def segments(self, key: str) -> LocalSegments:
        return LocalSegments(self.folder / key)


def commit(lake: LocalLake, key: str, number: int) -> None:
    said = Statement("increment", "run", position=Position({"t": {0: ((0, number + 1),)}})).to_json()
    properties = CommitProperties(custom_metadata={"userMetadata": said})
    write_deltalake(lake.uri(key), pa.table({"n": [number]}), mode="append", commit_properties=properties)


@pytest.fixture
def lakes(tmp_path) -> tuple[LocalLake, StandingLocalLake]:
    """A table of 25 commits, as it is and as it was looked at."""
    lake = LocalLake(Settings(), tmp_path)
    for number in range(25):
        commit(lake, KEY, number)
    return lake, StandingLocalLake(Settings(), tmp_path)


def seen(lake: LocalLake | StandingLocalLake, key: str = KEY):
    return lake.version(key), lake.rows(key), lake.ledger(key), [each.version for each in lake.commits(key)]


def test_what_is_committed_meanwhile_is_seen_once_the_lake_is_brought_forward(lakes):
    """Versions, rows, ledger and history all tell of one moment; a table that was not there may have come."""
    lake, standing = lakes
    before = seen(lake)
    assert seen(standing) == before
    assert seen(standing, OTHER)[0] == -1
    commit(lake, KEY, 25)
    commit(lake, OTHER, 0)

    assert seen(standing) == before
    standing.forward(OTHER)
    assert (seen(standing), seen(standing, OTHER)) == (before, seen(lake, OTHER))
    standing.forward()
    assert seen(standing) == seen(lake) != before


def test_a_table_is_opened_once_however_often_it_is_asked(lakes, monkeypatch):
    """Cost of a look: one opening, and the newest commits once."""
    _, standing = lakes
    opened = []
    monkeypatch.setattr(DeltaTable, "history", counted(DeltaTable.history, opened))

    for _ in range(5):
        standing.ledger(KEY), standing.sizes(KEY), standing.version(KEY)

    assert (len(opened), standing.open(KEY)) == (1, standing.open(KEY))


def test_commits_while_the_history_is_read_keep_their_numbers(lakes):
    """delta-rs numbers a history by the version that is loaded; older commits are read from another look."""
    lake, standing = lakes
    history = standing.commits(KEY)
    found = [next(history)]
    for number in range(25, 40):
        commit(lake, KEY, number)

    found += history

    assert [(each.version, each.statement.position) for each in found] == [
        (version, Position({"t": {0: ((0, version + 1),)}})) for version in range(24, -1, -1)
    ]


@pytest.mark.parametrize("version", [0, 7, 20, 24])
def test_an_older_ledger_is_read_from_the_same_look(lakes, version):
    """As of any version."""
    lake, standing = lakes

    assert standing.ledger(KEY, version) == lake.ledger(KEY, version)


def counted(real, calls: list):
    def count(*args, **kwargs):
        calls.append(args)
        return real(*args, **kwargs)

    return count


def test_what_is_asked_for_by_several_at_once_is_read_once(lakes):
    """Of one version; another one is read anew, and an error is told to all who wait and not kept."""
    _, lake = lakes
    reads, meeting = [], threading.Barrier(4)

    def read() -> int:
        reads.append(1)
        time.sleep(0.2)
        return len(reads)

    def ask(version: int) -> int:
        meeting.wait(10)
        return lake.once(("t", version, "TRUE"), read)

    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(ask, [1] * 4)] == [1] * 4
    assert lake.once(("t", 1, "TRUE"), read) == 1
    assert lake.once(("t", 2, "TRUE"), read) == 2

    def fails() -> int:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        lake.once(("t", 3, "TRUE"), fails)
    assert lake.once(("t", 3, "TRUE"), read) == 3
