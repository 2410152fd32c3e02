"""What a table's log says, as of any version."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from lakehouse_assets.engine.history.lake import commits
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.local_lake import LocalLake

KEY = "gold/sales/daily_revenue"
DAYS = [date(2017, 1, 1), date(2017, 1, 2)]


def reached(end: int) -> Position:
    return Position({"t": {0: ((0, end),)}})


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    """25 increments, one row each, on two days in turn: more than one look's worth of history."""
    lake = LocalLake(Settings(), tmp_path)
    for version in range(25):
        said = Statement("increment", "run", position=reached(version + 1)).to_json()
        rows = pa.table({"event_date": pa.array([DAYS[version % 2]], pa.date32()), "n": [version]})
        properties = CommitProperties(custom_metadata={"userMetadata": said})
        write_deltalake(lake.uri(KEY), rows, mode="append", partition_by=["event_date"], commit_properties=properties)
    return lake


@pytest.mark.parametrize("version", [0, 7, 24, None])
def test_the_ledger_of_an_older_version_states_what_it_held_then(lake, version):
    """Promise 6: provenance of every version still readable."""
    expected = 24 if version is None else version
    ledger = lake.ledger(KEY, version)
    assert (ledger.version, ledger.position) == (expected, reached(expected + 1))


def test_the_history_is_complete_and_newest_first(lake):
    assert [commit.version for commit in lake.commits(KEY)] == list(range(24, -1, -1))


def test_commits_keep_their_number_while_others_commit(lake):
    table = lake.open(KEY)
    rows = pa.table({"event_date": pa.array([DAYS[0]], pa.date32()), "n": [25]})
    write_deltalake(lake.uri(KEY), rows, mode="append")
    found = list(commits(lake, table, KEY))
    assert [commit.version for commit in found] == list(range(25, -1, -1))
    assert found[0].statement is None
    assert found[1].statement.position == reached(25)


def test_rows_and_days_come_from_the_log(lake):
    assert lake.days(KEY) == frozenset(DAYS)
    assert lake.rows(KEY) == 25
    assert lake.rows_in(KEY, [DAYS[1]]) == 12
    assert lake.rows_in(KEY, []) == 0


def test_a_table_that_does_not_exist_is_empty(lake):
    assert (lake.version("no/such/table"), lake.rows("no/such/table"), lake.days("no/such/table")) == (
        -1,
        0,
        frozenset(),
    )
