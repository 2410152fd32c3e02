"""An increment reads the days that are new in bronze, however uneven Kafka's partitions are."""

from __future__ import annotations

from datetime import date

import pytest

from lakehouse_assets.engine.history.changes import days_beyond
from lakehouse_assets.engine.history.ledger import Commit, Statement
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.writing import delta
from lakehouse_assets_tests.engine.lab import Lab, sale

FIRST, SECOND, THIRD = (date(2017, 3, day) for day in (1, 2, 3))
BATCHES = 4


def commit(version: int, day: date, end: int | None, restored_to: int | None = None) -> Commit:
    position = None if end is None else Position().advance([Slice("A", 0, 0, end)])
    return Commit(version, 0, "", Statement("increment", "r", (day,), position=position), restored_to)


def test_the_days_of_the_commits_beyond_a_position():
    """Also of a position that no commit stated; all days are to be read where the history ends too early."""
    history = [commit(4, THIRD, 9), commit(3, THIRD, None), commit(2, SECOND, 6), commit(1, FIRST, 3)]

    def beyond(end: int) -> tuple[date, ...] | None:
        return days_beyond(history, Position().advance([Slice("A", 0, 0, end)]))

    assert [beyond(9), beyond(7), beyond(6)] == [(), (THIRD,), (THIRD,)]
    assert beyond(5) == beyond(3) == (SECOND, THIRD)
    assert (beyond(2), days_beyond(history, Position())) == (None, None)


@pytest.mark.services
def test_a_record_in_a_lagging_partition_reads_the_files_of_its_day(services, spark, monkeypatch):
    """The others can hold its offset by their statistics: they hold records of partitions before and behind it."""
    lab = Lab(services.model_copy(update={"few_records": 0}), spark).create_topic(3)
    lab.send(*map(sale, range(900, 905)), partition=1)
    for number in range(BATCHES):
        day = f"2017-03-0{number + 1}"
        lab.send(sale(number, date=day)).send(*(sale(10 * number + i + 100, date=day) for i in range(10)), partition=2)
        lab.land()
    lab.refine()
    read = []
    real = delta.read

    def spied(*args, **kwargs):
        rows = real(*args, **kwargs)
        if args[2] == lab.bronze.key:
            read.append((len(rows.inputFiles()), len(real(*args, **kwargs | {"where": ""}).inputFiles())))
        return rows

    monkeypatch.setattr(delta, "read", spied)
    lab.send(sale(999, date="2017-03-09"), partition=1).land()
    lab.refine()

    [(pruned, otherwise)] = read
    assert pruned < otherwise
    assert pruned == 1
    assert (1, 5) in lab.coordinates(lab.silver.key)
