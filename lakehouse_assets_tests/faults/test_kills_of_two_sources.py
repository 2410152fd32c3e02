"""Answers over two topics, by the month and over seven days, whatever is killed and whichever source is silent or gone.

The tables are those of docs/tables.md, in a copy of the project that has its own Dagster.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient
from dagster import DagsterRun

from lakehouse_assets.access import kafka as access
from lakehouse_assets.access import topics
from lakehouse_assets.engine.history import holds
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.kinds.kafka import TOPIC_TAG
from lakehouse_assets_tests import copies
from lakehouse_assets_tests.copies import Copy
from lakehouse_assets_tests.documents import DRAFTS
from lakehouse_assets_tests.engine.lab import Lab
from lakehouse_assets_tests.faults.site import Site, until
from lakehouse_assets_tests.payments import Payments, Row

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(5000)]

KILLS = 20
WARM_UP_RUNS = 2
CATCH_UP_SECONDS = 300
TABLES = (
    "bronze/sales/payments",
    "silver/sales/payments",
    "bronze/sales/refunds",
    "gold/sales/daily_payments",
    "gold/sales/daily_balance",
    "gold/sales/monthly_payments",
    "gold/sales/week_to_date",
)
BALANCE = "gold/sales/daily_balance"
UP = "from lakehouse_assets.services.stack import Stack as S, load; S(load()).up('dagster')"
TOPICS = PAID, REFUNDED = "sales.payments", "sales.refunds"


@dataclass
class Till(Site):
    """The copy's lakehouse and daemon, and what was sent to its two topics."""

    copy: Copy = field(kw_only=True)
    payments: Payments = field(kw_only=True)

    def runs_of(self, topic: str) -> dict[str, DagsterRun]:
        with self.instance as instance:
            return {run.run_id: run for run in instance.get_runs() if run.tags.get(TOPIC_TAG) == topic}

    def runs(self) -> dict[str, DagsterRun]:
        return self.runs_of(PAID) | self.runs_of(REFUNDED)

    def found(self) -> dict[str, list[Row]]:
        """As delta-rs reads them."""
        lab = Lab(self.settings, None, PAID)
        columns = {
            "gold/sales/daily_payments": 'event_date, "Method", amount, payments',
            BALANCE: "event_date, amount",
            "gold/sales/monthly_payments": "event_month, payments",
            "gold/sales/week_to_date": "event_date, payments",
        }
        return {key: lab.rows(key, of) for key, of in columns.items()}

    def expected(self) -> dict[str, list[Row]]:
        """As plain Python says."""
        return {key: getattr(self.payments, key.split("/")[2])() for key in self.found()}

    def wait_caught_up(self, seconds: float = CATCH_UP_SECONDS) -> None:
        with suppress(AssertionError):
            until(lambda: self.found() == self.expected(), seconds, "all tables to catch up", poll_seconds=2.0)
        found, expected = self.found(), self.expected()
        assert {key: found[key] for key in found if found[key] != expected[key]} == {}, holds.read(self.settings)
        until(self._idle, 90, "the last run to end")

    def send(self, rows: int) -> None:
        self.payments.pay(rows).refund(rows // 2)


@pytest.fixture(scope="module")
def till(stack, services, tmp_path_factory) -> Till:
    """With tables over two topics, and over days, each of them one file."""
    folder = tmp_path_factory.mktemp("till")
    copy = Copy.of_project(folder / "copy", LAKEHOUSE_HOME=str(services.home))
    copy.add(*TABLES, written=copies.documented(), drafts=DRAFTS)
    copy.run("-c", UP)
    return Till(stack, folder / "none", lines=None, copy=copy, payments=Payments(services, "sales").create())


def good_runs(till: Till) -> dict[str, float]:
    """Seconds of a run of each topic that nobody disturbs."""
    known = {*till.runs()}
    till.send(20)
    running = {topic: next_process(till, topic, known) for topic in TOPICS}
    seconds = {topic: ended(till, run_id) - started for topic, (run_id, _, started) in running.items()}
    till.wait_caught_up()
    return seconds


def ended(till: Till, run_id: str) -> float:
    """When a run has ended."""
    until(lambda: till.runs()[run_id].is_finished, 200, "a good run to end")
    with till.instance as instance:
        return instance.get_run_record_by_id(run_id).end_time


def next_process(till: Till, topic: str, known: set[str]) -> tuple[str, int, float]:
    """(run id, process id, start) of the topic's first new run."""

    def found() -> Any:
        for run_id in till.runs_of(topic).keys() - known:
            if process := till.process_of(run_id):
                return run_id, *process
        return None

    return until(found, 90, f"a new run of {topic}")


def test_runs_of_both_sources_killed_at_20_instants(till: Till, capsys):
    """One run of each source at a time, at instants spread evenly over the last good one, measured again half way."""
    hits = []
    for _ in range(WARM_UP_RUNS):
        good_runs(till)
    for first in range(0, KILLS, 2):
        if first % (KILLS // 2) == 0:
            seconds = good_runs(till)
        known, victims = {*till.runs()}, []
        till.send(20)
        for topic, kill in zip(TOPICS, (first, first + 1), strict=True):
            run_id, pid, started = next_process(till, topic, known)
            after = seconds[topic] * (kill + 0.5) / KILLS
            victims.append((started + after, run_id, pid, f"{topic} after {after:4.1f} of {seconds[topic]:4.1f} s"))
        for instant, run_id, pid, said in sorted(victims):
            hits.append(f"{said}: {till.kill_at(run_id, pid, instant)}")
        till.wait_caught_up()
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(hits) + "\n")
    assert holds.read(till.settings) == {}


def test_one_source_is_silent_then_loses_records_and_then_is_gone_and_the_other_goes_on(till: Till):
    """Nobody waits for it. `lakehouse provenance` prints the offsets of each in the newest and in an older version."""
    till.send(20)
    older, then = settled(till)
    for _ in range(2):
        till.payments.pay()
        till.wait_caught_up()
    assert settled(till)[1][REFUNDED] == then[REFUNDED]

    admin = AdminClient(access.client(till.settings))
    topics.send(till.settings, REFUNDED, [b"lost"] * 3, None)
    lost = TopicPartition(REFUNDED, 0, OFFSET_END)
    admin.delete_records([lost])[lost].result()
    till.payments.pay()
    till.wait_caught_up()
    assert settled(till)[1][REFUNDED] == then[REFUNDED]

    admin.delete_topics([REFUNDED])[REFUNDED].result()
    till.payments.pay()
    till.wait_caught_up()
    settled(till)
    assert provenance(till, older) == then


def settled(till: Till) -> tuple[int, dict[str, int]]:
    """The version of the table over both, and how many records of each topic were sent, once it holds them all."""
    sent = dict(till.payments.sent)
    until(lambda: provenance(till) == sent, 120, f"provenance to print {sent}", poll_seconds=1.0)
    return Lake(till.settings).version(BALANCE), sent


def provenance(till: Till, version: int | None = None) -> dict[str, int]:
    """How many offsets of each topic the command prints."""
    given = [] if version is None else ["--version", str(version)]
    tables = till.copy.lakehouse("provenance", BALANCE, *given).split(f"{BALANCE} version")[1:]
    found = {}
    for each in tables:
        topic = each.split("topic ")[1].split()[0]
        rows = [line.replace("│", " ").split() for line in each.splitlines() if line.startswith("│")]
        found[topic] = sum(int(row[-1]) for row in rows)
    return found
