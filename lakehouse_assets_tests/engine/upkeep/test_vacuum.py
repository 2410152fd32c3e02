"""When a vacuum is refused: by the setting's floor, and by what a lagging table downstream may still read."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from lakehouse_assets.engine.history import clock
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.upkeep.vacuum import readers, require_retention, still_needed
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.lab import Lab
from lakehouse_assets_tests.engine.local_lake import LocalLake

NONE = timedelta(0)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path, vacuum_retention_days=10)


@pytest.fixture
def lab(settings) -> Lab:
    return Lab(settings, None)


@pytest.fixture
def lake(settings, tmp_path) -> LocalLake:
    return LocalLake(settings, tmp_path)


def reached(end: int) -> Position:
    return Position().advance([Slice("T", 0, 0, end)])


def commit(lake: LocalLake, key: str, end: int | None) -> None:
    """An increment up to this offset, or with None a commit that says nothing, as maintenance makes it."""
    said = Statement("increment", "run", position=reached(end)).to_json() if end is not None else ""
    rows = pa.table({"event_date": pa.array([date(2017, 1, 1)], pa.date32()), "n": [0]})
    properties = CommitProperties(custom_metadata={"userMetadata": said}) if said else None
    write_deltalake(lake.uri(key), rows, mode="append", partition_by=["event_date"], commit_properties=properties)


def it_is_later(monkeypatch, days: float) -> None:
    """The store says that every commit is so old."""
    monkeypatch.setattr(clock, "age", lambda *_: timedelta(days=days))


def test_a_retention_below_the_floor_is_refused(lake, lab):
    """The message names both settings; no table is looked at."""
    short = Settings(vacuum_retention_days=6.5)

    with pytest.raises(LakehouseError, match=r"6\.5 days is below the floor of 7"):
        require_retention(lake, lab.bronze, lab.tables, short)


def test_only_what_reads_a_version_of_a_table_keeps_its_files(lab):
    """Gold reads silver as of a version; silver reads bronze by coordinate."""
    assert readers(lab.silver, lab.tables) == (lab.gold,)
    assert readers(lab.bronze, lab.tables) == ()


def test_a_lagging_reader_needs_what_was_replaced_since_its_position(lake, lab, settings, monkeypatch):
    """Nine days later the retention still covers it; eleven days later it does not."""
    commit(lake, lab.gold.key, 5)
    for end in (5, 6, 7):
        commit(lake, lab.silver.key, end)

    it_is_later(monkeypatch, 9)
    assert still_needed(lake, lab.silver, lab.gold) == timedelta(days=9)
    require_retention(lake, lab.silver, lab.tables, settings)
    it_is_later(monkeypatch, 11)
    with pytest.raises(LakehouseError, match=f"{lab.gold.key} lags"):
        require_retention(lake, lab.silver, lab.tables, settings)


@pytest.mark.parametrize("maintained", [0, 2])
def test_a_reader_that_has_caught_up_needs_no_old_file(lake, lab, maintained):
    """Also when maintenance has committed since: the newest version still holds the reader's position."""
    commit(lake, lab.silver.key, 5)
    commit(lake, lab.gold.key, 5)
    for _ in range(maintained):
        commit(lake, lab.silver.key, None)

    assert still_needed(lake, lab.silver, lab.gold) == NONE


def test_a_reader_that_does_not_exist_or_is_from_before_the_history_needs_nothing(lake, lab):
    """It cannot be rebuilt from an older version anyway."""
    commit(lake, lab.silver.key, 5)
    assert still_needed(lake, lab.silver, lab.gold) == NONE

    commit(lake, lab.gold.key, 3)
    assert still_needed(lake, lab.silver, lab.gold) == NONE
