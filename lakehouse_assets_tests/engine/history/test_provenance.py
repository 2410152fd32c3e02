"""Provenance: the exact offsets behind a version of a table."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.history.provenance import ledger_at, position_table
from lakehouse_assets.errors import LakehouseError

POSITION = Position().advance([Slice("A", 0, 0, 5), Slice("A", 0, 8, 9), Slice("A", 1, 3, 3), Slice("B", 0, 0, 1)])


@dataclass(frozen=True)
class FakeLake:
    """A lake that knows of one table."""

    newest: int

    def version(self, key: str) -> int:
        return self.newest if key == "gold/x" else -1

    def ledger(self, key: str, version: int | None = None) -> Ledger:
        return Ledger(self.newest if version is None else version, POSITION, 1)


def test_ranges_are_shown_with_their_gaps_and_inclusive_ends():
    """A lost range is visible; a partition that only has a beginning holds no offsets."""
    assert position_table(POSITION).splitlines()[2:] == [
        "| A | 0 | 0 | 4 | 5 |",
        "| A | 0 | 8 | 8 | 1 |",
        "| B | 0 | 0 | 0 | 1 |",
    ]


def test_file_versions_are_shown_by_the_time_of_their_drop_with_their_bytes():
    """Whatever order they were taken in; in metadata only the newest, with how many more there are."""
    ids = [f"2026-01-0{day}T00:00:00.000Z a%20b.csv e{day}" for day in (2, 1)]
    shown = position_table(Position().advance([Slice(topic_id, 0, 0, 7) for topic_id in ids])).splitlines()
    assert shown[0] == "| dropped | file | etag | first byte | last byte | bytes |"
    assert shown[2:] == [
        "| 2026-01-01T00:00:00.000Z | a b.csv | e1 | 0 | 6 | 7 |",
        "| 2026-01-02T00:00:00.000Z | a b.csv | e2 | 0 | 6 | 7 |",
    ]
    many = [Slice(f"2026-01-01T00:00:00.{number:03}Z a.csv e", 0, 0, 7) for number in range(60)]
    lines = position_table(Position().advance(many)).splitlines()
    assert len(lines) == 2 + 50 + 2
    assert ".059Z" in lines[-3]
    assert lines[-1].startswith("and 10 older ones")


def test_every_version_can_be_asked_for():
    """The newest by default."""
    assert ledger_at(FakeLake(7), "gold/x").version == 7
    assert ledger_at(FakeLake(7), "gold/x", 0).version == 0


@pytest.mark.parametrize(("key", "version", "message"), [("gold/y", None, "no such table"), ("gold/x", 8, "0 to 7")])
def test_what_is_not_there_is_said(key, version, message):
    """With what to give instead."""
    with pytest.raises(LakehouseError, match=message):
        ledger_at(FakeLake(7), key, version)
