"""Provenance: the exact offsets behind a version of a table."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lakehouse_assets.engine.ledger import Ledger
from lakehouse_assets.engine.position import Position, Slice
from lakehouse_assets.engine.provenance import ledger_at, position_table
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


def test_every_version_can_be_asked_for():
    """The newest by default."""
    assert ledger_at(FakeLake(7), "gold/x").version == 7
    assert ledger_at(FakeLake(7), "gold/x", 0).version == 0


@pytest.mark.parametrize(("key", "version", "message"), [("gold/y", None, "no such table"), ("gold/x", 8, "0 to 7")])
def test_what_is_not_there_is_said(key, version, message):
    """With what to give instead."""
    with pytest.raises(LakehouseError, match=message):
        ledger_at(FakeLake(7), key, version)
