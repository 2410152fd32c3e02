"""Runs of two sources that meet at one table: each takes in what is new on either side, and neither is held."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from uuid import uuid4

import pytest

from lakehouse_assets.engine.history import holds
from lakehouse_assets.engine.kinds import Table
from lakehouse_assets.engine.sessions import connect
from lakehouse_assets.engine.writing.engine import LATER, Batch, Engine
from lakehouse_assets.engine.writing.publication import in_turn, publish_planned
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.engine.test_upstreams import MARCH_1, Labs, shipment

MEETINGS = 50
"""Of each source's run with the table."""


class Run:
    """The runs of one source, one after the other, in a Spark session of their own."""

    def __init__(self, labs: Labs, lab: Lab) -> None:
        self.labs, self.lab, self.commits = labs, lab, 0
        self.engine = Engine(lab.settings, lab.lake, connect(lab.settings, str(uuid4())), str(uuid4()))

    def all(self) -> int:
        """How often the table was written."""
        for number in range(MEETINGS):
            is_sale = self.lab is self.labs.sales
            self.lab.send(sale(number) if is_sale else shipment(number, 1))
            self.increment(self.lab.bronze, self.lab.batch())
            self.increment(self.lab.silver, LATER)
            self.commits += self.increment(self.labs.joint, LATER)
        self.engine.spark.stop()
        return self.commits

    def increment(self, table: Table, batch: Batch) -> bool:
        planned = in_turn(self.lab.settings, table, lambda: table.increment(self.engine, batch))
        return planned is not None and publish_planned(self.engine.spark, self.lab.lake, planned) is not None


@pytest.mark.slow
@pytest.mark.services
def test_a_hundred_meetings_hold_nobody_and_lose_nothing(services, spark):
    """Two runs at a time, each in a session of its own; what the table holds is what was sent."""
    labs = Labs(Lab(services, spark).create_topic(), Lab(services, spark).create_topic())
    with ThreadPoolExecutor(2) as pool:
        commits = [*pool.map(Run.all, [Run(labs, labs.sales), Run(labs, labs.shipped)])]

    assert labs.found() == [{"event_date": date(2017, 3, 1), "sold": MEETINGS, "crates": MEETINGS}]
    assert labs.joint.key not in holds.read(services)
    assert MEETINGS <= sum(commits) <= 2 * MEETINGS
    before = labs.found()
    labs.sales.publish_all(labs.joint.rebuild(labs.sales.engine(), [MARCH_1]))
    assert labs.found() == before
