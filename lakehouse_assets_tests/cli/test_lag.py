"""`lakehouse status`: what it prints of the tables, at the width of a plain terminal."""

from __future__ import annotations

import pytest
from rich.console import Console

from lakehouse_assets.cli.lag import duration, rendered
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.orchestration import progress
from lakehouse_assets.engine.orchestration.progress import Holding, TableProgress
from lakehouse_assets.engine.sources import kafka_source
from lakehouse_assets.engine.sources.planning import TopicState
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.lab import Lab
from lakehouse_assets_tests.engine.local_lake import LocalLake

BRONZE, SILVER, GOLD = "bronze/sales/transactions", "silver/sales/transactions", "gold/sales/daily_revenue"
TABLES = [
    TableProgress(BRONZE, 12, Position(), 0, 0, "offsets"),
    TableProgress(SILVER, 12, Position(), 0, 250_000, "offsets"),
    TableProgress(GOLD, -1, Position(), 0, 1_469_307, "offsets"),
]
HELD = {
    BRONZE: Holding(1_469_307, 48_000, 4.2),
    SILVER: Holding(1_219_216, 259, 7_300.0),
    GOLD: Holding(0, 0, None),
}


def printed(width: int) -> list[str]:
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(rendered(TABLES, HELD))
    return captured.get().splitlines()


def test_a_line_says_rows_age_lag_and_quarantine():
    """A table that does not exist yet has a lag and nothing else."""
    lines = [line.split() for line in printed(80) if "/" in line]

    assert lines == [
        ["bronze/sales/transactions", "1,469,307", "4", "s", "0", "48,000"],
        ["silver/sales/transactions", "1,219,216", "2", "h", "250,000", "259"],
        ["gold/sales/daily_revenue", "-", "-", "1,469,307", "-"],
    ]


@pytest.mark.parametrize("width", [72, 80, 100])
def test_it_fits_the_terminal_and_keeps_every_number_whole(width):
    lines = printed(width)

    assert max(map(len, lines)) <= width
    assert any("1,469,307" in line for line in lines)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "-"), (1, "1 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 d")]
)
def test_durations_as_people_write_them(seconds, shown):
    assert duration(seconds) == shown


def absent(*_):
    raise kafka_source.kafka.TopicNotFoundError("does not exist yet", where="topic t", do="Create it")


def test_tables_that_do_not_exist_yet_are_shown_with_their_lag(tmp_path, monkeypatch):
    """Before the first run: no rows, no age, the whole topic to go."""
    lab = Lab(Settings(home=tmp_path), None)
    state = TopicState(lab.topic, "T", {0: 2}, {0: 9})
    lake = LocalLake(lab.settings, tmp_path)
    monkeypatch.setattr(progress, "Lake", lambda _settings: lake)
    monkeypatch.setattr(kafka_source.kafka, "topic_state", lambda *_: state)

    found, held = progress.snapshot(lab.settings, lab.tables), progress.holdings(lake, lab.tables)

    assert [(each.version, each.lag) for each in found] == [(-1, 7)] * 3
    monkeypatch.setattr(kafka_source.kafka, "topic_state", absent)
    assert [(each.lag, each.waits_for_source) for each in progress.snapshot(lab.settings, lab.tables)] == [
        (0, True)
    ] * 3
    assert set(held.values()) == {Holding(0, 0, None)}
