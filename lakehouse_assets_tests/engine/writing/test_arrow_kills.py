"""The run's own writer, killed by SIGKILL at any instant: no record is lost or doubled, and no dead process commits."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest

from lakehouse_assets_tests.engine import expectation
from lakehouse_assets_tests.engine.expectation import Sent
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.engine.writing.gate import WAIT_SECONDS, Gate, Moment, Part, Put
from lakehouse_assets_tests.engine.writing.test_deduplication import gold_of, silver_of
from lakehouse_assets_tests.workers import DONE, Worker, worker

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(3000)]

KILLS = 30
BATCHES, RECORDS, PARTITIONS = 3, 12, 2
LAYERS = ("bronze", "silver", "gold")
MODULE = "lakehouse_assets_tests.engine.writing.killed_batches"
STORED, REFUSED = 200, 412
AIMED: tuple[tuple[Part, Moment, bool], ...] = (
    ("data", "asked", True),
    ("data", "answered", False),
    ("log", "asked", True),
    ("log", "sent", False),
    ("log", "answered", False),
)
"""Around one commit: before and after its rows are uploaded; its log entry not sent, on its way, and stored."""


@dataclass
class Run:
    """A process that takes in batches."""

    session: str
    process: Worker

    def ready(self) -> Run:
        assert self.process.heard() == DONE
        return self

    def kill(self) -> None:
        self.process.process.kill()
        self.process.process.wait(WAIT_SECONDS)


@dataclass
class Site:
    """One topic and its tables; processes that work on them one after the other, the next one waiting."""

    lab: Lab
    gate: Gate
    start: Callable[[], Run]
    sent: list[Sent] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(5))

    def __post_init__(self) -> None:
        self.lab.create_topic(PARTITIONS)
        self.now, self.next = self.start().ready(), self.start()

    def send(self) -> None:
        """Records for some batches: events of few grains, so that they meet those of earlier batches; one is bad."""
        for partition in range(PARTITIONS):
            values = [self._event() for _ in range(BATCHES * RECORDS // PARTITIONS - (partition == 0))]
            values = values if partition else [*values, b"broken"]
            self.lab.send(*values, partition=partition)
            offsets = [offset for _, _, offset in self.lab.sent[-len(values) :]]
            events = [None if each == b"broken" else json.loads(each) for each in values]
            self.sent += [Sent((partition, at), event) for at, event in zip(offsets, events, strict=True)]

    def _event(self) -> bytes:
        number = self.dice.randrange(len(self.sent) // 2 + 50)
        return sale(number, price=self.dice.choice([1.25, 2.5]), date=f"2017-03-0{1 + number % 3}")

    def run(self, *dead: str) -> float:
        """All that is left is taken in by the process that lives; seconds."""
        started = time.monotonic()
        self.now.process.ask("run", *dead)
        seconds = time.monotonic() - started
        self.check()
        return seconds

    def begin(self) -> None:
        """Has it work on new records."""
        self.send()
        self.gate.seen.clear()
        self.now.process.tell("run")

    def succeed(self) -> None:
        """The next process goes on in the place of one that was killed."""
        self.lab.assert_stock()
        dead, self.now, self.next = self.now.session, self.next.ready(), self.start()
        self.run(dead)

    def check(self) -> None:
        """Every record has one place, tables are as plain Python says, and the dead have committed nothing since."""
        told = self.lab.assert_stock()
        assert told.told == len(self.sent)
        assert silver_of(self.lab) == expectation.silver(self.sent)
        assert gold_of(self.lab) == expectation.revenue(self.sent)
        for table in self.lab.tables:
            for key in (table.key, table.quarantine):
                assert is_one_after_the_other(self.writers(key)), key

    def writers(self, key: str) -> list[str]:
        """Whose statement each version is, oldest first."""
        return [each.statement.run_id for each in self.lab.lake.history(key) if each.statement][::-1]

    @property
    def place(self) -> str:
        """What the process that was killed had just put on S3."""
        put = self.gate.seen[-1] if self.gate.seen else Put("gold", "log", "answered")
        over = put.part == "log" and put.moment == "answered"
        return f"{'after' if over else 'within'} {put.table.split('/')[0]}'s commit"


def is_one_after_the_other(writers: list[str]) -> bool:
    """Whether nobody comes back once another has written."""
    turns = [each for each, _ in groupby(writers)]
    return len(turns) == len({*turns})


@pytest.fixture
def site(services, spark, tmp_path: Path, monkeypatch) -> Iterator[Site]:
    keys = {
        "LAKEHOUSE_S3_ACCESS_KEY": services.s3_access_key,
        "LAKEHOUSE_S3_SECRET_KEY": services.s3_secret_key.get_secret_value(),
        "LAKEHOUSE_MAX_RECORDS_PER_BATCH": str(RECORDS),
    }
    lab = Lab(services, spark)
    with ExitStack() as ending, Gate(services.s3_endpoint, services.bucket) as gate:
        ending.callback(gate.shutdown)

        def start() -> Run:
            session = str(uuid4())
            environment = keys | {"LAKEHOUSE_S3_ENDPOINT": gate.endpoint}
            process = ending.enter_context(worker(MODULE, lab.topic, session, log=tmp_path / session, **environment))
            return Run(session, process)

        yield Site(lab, gate, start)


def test_thirty_kills_at_any_instant_lose_nothing_and_double_nothing(site: Site, capsys):
    """The instants are spread over the last good run, which is measured again every five kills."""
    places, seconds = Counter[str](), 0.0
    for kill in range(KILLS):
        if kill % 5 == 0:
            site.send()
            seconds = site.run()
        site.begin()
        time.sleep(seconds * (kill + site.dice.random()) / KILLS)
        site.now.kill()
        places[site.place] += 1
        site.succeed()
    fell = ", ".join(f"{count} {place}" for place, count in sorted(places.items()))
    with capsys.disabled():
        print(f"\n{KILLS} kills in runs of {seconds:.1f} s: {fell}")  # noqa: T201


@pytest.mark.parametrize("layer", range(len(LAYERS)), ids=LAYERS)
def test_kills_around_a_commit_leave_all_of_it_or_nothing(site: Site, layer: int):
    """Its log entry decides: before the store has it there is nothing, afterwards there is all."""
    table = site.lab.tables[layer]
    for part, moment, drops in AIMED:
        aim = site.gate.aim(Put(table.key, part, moment), site.now.kill, drops=drops)
        known = len(site.writers(table.key))
        site.begin()
        assert aim.happened.wait(WAIT_SECONDS)
        if (part, moment) != ("log", "sent"):
            assert len(site.writers(table.key)) - known == ((part, moment) == ("log", "answered"))
        site.succeed()


def held(site: Site, key: str) -> Event:
    """Kills the process when it puts its log entry, which arrives at the store once the event is set."""
    site.send()
    site.run()
    caught, released = Event(), Event()

    def hold() -> None:
        site.now.kill()
        caught.set()
        assert released.wait(WAIT_SECONDS)

    site.gate.aim(Put(key, "log", "asked"), hold)
    site.begin()
    assert caught.wait(WAIT_SECONDS)
    return released


def answers(site: Site, key: str, count: int) -> list[int]:
    """What the store has answered to the puts of a table's log, once there are so many."""

    def found() -> list[int]:
        return [status for put, status in site.gate.statuses if (put.table, put.part) == (key, "log")]

    site.lab.until(lambda: len(found()) >= count)
    return found()


@pytest.mark.parametrize("layer", range(len(LAYERS)), ids=LAYERS)
def test_a_dead_process_whose_commit_arrives_late_is_refused(site: Site, layer: int):
    """The next process has committed meanwhile: of two log entries of one version the store takes the first."""
    key = site.lab.tables[layer].key
    late = held(site, key)
    site.succeed()
    site.gate.statuses.clear()
    known = site.writers(key)
    late.set()

    assert answers(site, key, 1) == [REFUSED]
    assert site.writers(key) == known
    site.check()


@pytest.mark.parametrize("layer", range(len(LAYERS)), ids=LAYERS)
def test_a_dead_process_whose_commit_arrives_between_plan_and_commit_of_the_next_one_counts(site: Site, layer: int):
    """The next one's commit is refused, and it plans anew: nothing is taken in twice."""
    key, dead = site.lab.tables[layer].key, site.now.session
    late = held(site, key)
    site.gate.statuses.clear()

    def overtaken() -> None:
        late.set()
        answers(site, key, 1)

    site.gate.aim(Put(key, "log", "asked"), overtaken)
    site.succeed()

    assert answers(site, key, 3)[:3] == [STORED, REFUSED, STORED]
    assert dead in site.writers(key)
