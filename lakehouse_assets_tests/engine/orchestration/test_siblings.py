"""Tables side by side: results in order, a session for each, and an interrupt that reaches all of them."""

from __future__ import annotations

import threading
import time
from uuid import uuid4

import pytest
from pyspark.sql import functions as F

from lakehouse_assets.engine import sessions
from lakehouse_assets.engine.orchestration.siblings import MOST, Siblings
from lakehouse_assets.engine.writing.engine import Engine
from lakehouse_assets_tests.engine.lab import Lab

pytestmark = pytest.mark.services


@pytest.fixture
def engine(lab: Lab):
    session = sessions.connect(lab.settings, str(uuid4()))
    yield Engine(lab.settings, lab.lake, session, "run")
    session.stop()
    sessions.activate(lab.spark)


@pytest.fixture
def siblings(engine: Engine):
    made = Siblings(engine)
    yield made
    made.end()


@pytest.mark.parametrize("count", [0, 1, 2, MOST, 2 * MOST + 1])
def test_results_come_in_the_order_of_the_tasks(siblings, count):
    tasks = [lambda engine, number=number: engine.spark.range(number).count() for number in range(count)]
    assert siblings.each(tasks, together=True) == siblings.each(tasks, together=False) == [*range(count)]


def test_each_works_in_a_session_of_its_own_that_is_set_alike(siblings, engine):
    """Views of one name do not meet, and what is active is the session of the thread."""
    engine.spark.conf.set("spark.sql.shuffle.partitions", "3")
    meeting = threading.Barrier(3)

    def task(engine: Engine, number: int) -> tuple[str, int, str, bool]:
        engine.spark.range(number).createOrReplaceTempView("batch")
        meeting.wait(30)
        active = type(engine.spark)._active_session.session is engine.spark
        partitions = engine.spark.conf.get("spark.sql.shuffle.partitions")
        return engine.spark.session_id, engine.spark.table("batch").count(), partitions, active

    found = siblings.each([lambda engine, n=n: task(engine, n) for n in range(3)], together=True)

    assert found[0][0] == engine.spark.session_id
    assert len({session for session, *_ in found}) == 3
    assert [rest for _, *rest in found] == [[n, "3", True] for n in range(3)]


def test_an_interrupt_ends_what_spark_does_for_each(siblings, monkeypatch):
    """As when a run is cancelled: nobody waits for work that nobody wants."""
    began, ended = time.monotonic(), []

    def slow(engine: Engine) -> None:
        nap = F.expr("java_method('java.lang.Thread', 'sleep', 20000L + id)")
        try:
            engine.spark.range(2).select(nap).collect()
        except Exception as error:
            ended.append(str(error))

    def interrupted(_futures):
        time.sleep(3)
        raise KeyboardInterrupt

    monkeypatch.setattr("lakehouse_assets.engine.orchestration.siblings.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        siblings.each([slow, slow], together=True)
    assert time.monotonic() - began < 15
    assert len(ended) == 2
