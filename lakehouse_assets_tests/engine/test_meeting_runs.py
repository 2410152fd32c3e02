"""Runs of two sources that meet at one table, each in a process of its own: neither is held, and nothing is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from lakehouse_assets.engine.history import holds
from lakehouse_assets.engine.kinds import Table
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.engine.test_upstreams import MARCH_1, Labs, shipment
from lakehouse_assets_tests.workers import DONE, Worker, worker

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(3000)]

MEETINGS = 100
DAYS = 3
RUNS = "lakehouse_assets_tests.engine.meeting_runs"
PLANNED, COMMIT = "planned", "commit"


@dataclass
class Met:
    """What became of two runs at one time."""

    planned: list[str]
    """From which version of the table each planned it."""
    anew: int
    """How often one of them came too late, and planned anew."""
    succeeded: list[str]
    further: int = 0
    """How often one of them found more for the table afterwards, of the other's source."""

    @property
    def is_meeting(self) -> bool:
        """Whether both tried to commit the same version."""
        return len(self.planned) == 2 and len({*self.planned}) == 1


def another_machine(services: Settings, home: Path) -> str:
    """A state folder over the same services: turns at a table are taken for each machine on its own."""
    home.mkdir()
    shutil.copy(services.home / "services.json", home)
    return str(home)


@pytest.fixture
def labs(services, spark) -> Labs:
    return Labs(Lab(services, spark).create_topic(), Lab(services, spark).create_topic())


@pytest.fixture
def both(labs: Labs, services: Settings, tmp_path: Path) -> Iterator[list[Worker]]:
    """One process for each source, as on two machines."""
    topics = [labs.sales.topic, labs.shipped.topic]
    with ExitStack() as ending:
        yield [
            ending.enter_context(
                worker(
                    RUNS,
                    own,
                    *topics,
                    log=tmp_path / own,
                    LAKEHOUSE_HOME=another_machine(services, tmp_path / f"h{own}"),
                )
            )
            for own in topics
        ]


def send(labs: Labs, number: int) -> None:
    """A few sales and shipments on one of some days, one of each sent twice, and one that cannot be read."""
    day = MARCH_1 + timedelta(days=number % DAYS)
    for each in range(1 + number % 2):
        labs.sell(10 * number + each, day)
    labs.ship(number, 1 + number % 5, day)
    labs.sales.send(sale(10 * number, date=str(day)), b"never readable")
    labs.shipped.send(shipment(number, 1 + number % 5, str(day)))


def meet(both: list[Worker]) -> Met:
    """Both run at once; where both have planned the table over both, both commit at once."""
    met = Met([], 0, [])
    for each in both:
        each.tell("run")
    first = [each.heard() for each in both]
    met.planned = [said.split()[1] for said in first if said.startswith(PLANNED)]
    for each, said in zip(both, first, strict=True):
        if said.startswith(PLANNED):
            each.tell(COMMIT)
    for each, said in zip(both, first, strict=True):
        rest = [*through(each)]
        met.anew += rest.count("anew")
        met.further += sum(each.startswith(PLANNED) for each in rest)
        met.succeeded += [rest[-1] if rest else said]
    return met


def through(run: Worker) -> Iterator[str]:
    """What else a run says; one that finds more for the table over both, of the other source, goes on at once."""
    for said in iter(run.heard, DONE):
        if said.startswith(PLANNED):
            run.tell(COMMIT)
        yield said


def test_a_hundred_meetings_hold_nobody_lose_nothing_and_double_nothing(labs: Labs, both: list[Worker], capsys):
    """Both plan from the same version: one comes too late, plans anew at once, and finds what the first left over."""
    meetings = anew = number = 0
    while meetings < MEETINGS:
        send(labs, number)
        met = meet(both)
        assert met.succeeded == ["True", "True"], both[0].log.read_text()[-4000:] + both[1].log.read_text()[-4000:]
        assert met.anew == met.is_meeting or (met.further and met.anew > met.is_meeting), met
        meetings, anew, number = meetings + met.is_meeting, anew + met.anew, number + 1
        assert labs.found() == labs.expected(), number

    with capsys.disabled():
        print(f"\n{number} pairs of runs, {meetings} met, {anew} planned anew")  # noqa: T201
    recorded = holds.read(labs.sales.settings)
    assert not {table.key for table in of(labs)} & {*recorded}
    days: list[date] = [MARCH_1 + timedelta(days=each) for each in range(DAYS)]
    labs.sales.publish_all(labs.joint.rebuild(labs.sales.engine(), days))
    assert labs.found() == labs.expected()


def of(labs: Labs) -> list[Table]:
    return [*labs.sales.tables[:2], *labs.shipped.tables[:2], labs.joint]
