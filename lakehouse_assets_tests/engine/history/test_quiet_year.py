"""A year without records, by the log alone: the ledger stays what it was, and a look costs what it did on day one."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pyarrow as pa
import pytest
from deltalake import CommitProperties, Transaction, write_deltalake

from lakehouse_assets.engine.history import lake as lakes
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.history.walking import restate
from lakehouse_assets.engine.upkeep.restating import forget
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.local_lake import LocalLake

KEY = "silver/quiet/table"
REACHED = Position().advance([Slice("A", 0, 0, 5)])
NO_LOG = {"delta.logRetentionDuration": "interval 0 days", "delta.enableExpiredLogCleanup": "false"}
NUMBERS = count()


def commit(lake: LocalLake, said: Statement | None, app_id: str = "maintenance", rows: int = 0) -> None:
    """A commit as Spark makes it: with a statement, or silent as those of a vacuum."""
    metadata = {"userMetadata": said.to_json()} if said else None
    properties = CommitProperties(metadata, app_transactions=[Transaction(app_id, next(NUMBERS))])
    held = pa.table({"value": pa.array([1] * rows, pa.int64())})
    write_deltalake(lake.uri(KEY), held, mode="append", configuration=NO_LOG, commit_properties=properties)


@pytest.mark.slow
def test_a_year_of_maintenance_leaves_the_ledger_and_its_cost_as_they_were(tmp_path, monkeypatch):
    """The entry that stated the position went in the first month; Delta's own transaction number is known for ever."""
    lake, looks = LocalLake(Settings(), tmp_path), []
    commit(lake, None)
    commit(lake, Statement("increment", "run", position=REACHED, planned_from=0), app_id=KEY, rows=5)
    first, history = lake.ledger(KEY), lakes._history
    monkeypatch.setattr(lakes, "_history", lambda table, limit: looks.append(limit) or history(table, limit))

    for day in range(365):
        for _ in ("VACUUM START", "VACUUM END"):
            commit(lake, None)
        since = lake.version(KEY)
        commit(lake, restate(lake.ledger(KEY), "maintenance"))
        if day % 30 == 0:
            assert forget(lake, KEY, since)

    last = lake.ledger(KEY)
    assert replace(last, version=first.version, held_version=first.held_version) == first
    assert (last.position, last.position_version, last.complete) == (REACHED, 1, True)
    assert last.transaction_version == first.transaction_version >= 0
    assert set(looks) == {10}, "only the newest few commits are looked at"
    assert lake.version(KEY) == 1 + 365 * 3
    oldest = min(path.name for path in (tmp_path / KEY / "_delta_log").glob("0*.json"))
    assert int(oldest.removesuffix(".json")) > 900


def test_the_log_is_kept_where_nothing_new_holds_the_position(tmp_path):
    """Without a restatement the clean-up would lose it, so there is none."""
    lake = LocalLake(Settings(), tmp_path)
    commit(lake, None)
    commit(lake, Statement("increment", "run", position=REACHED, planned_from=0), app_id=KEY)
    since = lake.version(KEY)
    commit(lake, None)

    assert not forget(lake, KEY, since)
    assert lake.ledger(KEY).position == REACHED
