"""What a worker does while it has no run: in steps, again after the server was another one, in no run's way."""

from __future__ import annotations

import time
from types import SimpleNamespace
from uuid import uuid4

import pytest

from lakehouse_assets.engine import sessions
from lakehouse_assets.engine.orchestration.workers import warming
from lakehouse_assets.engine.orchestration.workers.warming import COLD, WARM, Warming
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import load


@pytest.fixture
def said(monkeypatch) -> list[str]:
    monkeypatch.setattr(warming, "AWAY_SECONDS", 0.0)
    monkeypatch.setattr(sessions, "_KEPT", {})
    return []


def step_until(worker: Warming, said: list[str], last: str, most: int = 500) -> int:
    """How many steps it took."""
    for count in range(1, most):
        worker.step()
        if said[-1:] == [last]:
            return count
    raise AssertionError(said)


@pytest.mark.services
def test_it_rehearses_every_table_in_small_steps_and_rests_afterwards(stack, said):
    worker, longest = Warming(said.append), 0.0
    while said[-1:] != [WARM]:
        began = time.monotonic()
        worker.step()
        longest = max(longest, time.monotonic() - began)
    assert said[0] == "rehearses"
    assert "rehearses, round 2" in said
    assert longest < 15
    assert worker.rest_seconds > warming.ASK_SECONDS - 5
    assert sessions.keeps(load())


@pytest.mark.services
def test_a_server_that_has_forgotten_the_session_is_warmed_again(stack, said, monkeypatch):
    monkeypatch.setattr(warming, "ASK_SECONDS", 0.0)
    worker = Warming(said.append)
    step_until(worker, said, WARM)
    worker.step()
    assert said[-1] == WARM

    [kept] = sessions._KEPT.values()
    kept.stop()
    worker.step()

    assert said[-1] == "rehearses"
    step_until(worker, said, WARM)
    assert sessions.keeps(load())


def test_without_a_server_it_says_so_and_asks_again(said, monkeypatch):
    settings = SimpleNamespace(spark_remote="sc://127.0.0.1:9")
    monkeypatch.setattr(warming, "load", lambda: settings)
    monkeypatch.setattr(sessions, "keeps", lambda _: False)
    asked = []

    def keep(_settings):
        asked.append(1)
        raise UnavailableError("no answer", where="Spark", do="Wait")

    monkeypatch.setattr(sessions, "keep", keep)
    worker = Warming(said.append)
    for _ in range(3):
        worker.step()

    assert said == [COLD]
    assert len(asked) == 3


def test_where_no_server_is_known_there_is_nothing_to_do(said, monkeypatch):
    monkeypatch.setattr(warming, "load", lambda: SimpleNamespace(spark_remote=""))
    worker = Warming(said.append)
    worker.step()
    assert said == []


@pytest.mark.services
def test_a_cloned_session_has_the_settings_of_the_kept_one_and_ends_alone(stack, said):
    """Where none is kept, or the server has forgotten it, a session is opened as ever."""
    settings = load()
    sessions.keep(settings)
    [kept] = sessions._KEPT.values()
    for forgotten in (False, True):
        if forgotten:
            kept.stop()
        own = str(uuid4())
        session = sessions.cloned(settings, own)
        assert session.session_id == own
        assert session.conf.get("spark.sql.session.timeZone") == "UTC"
        session.createDataFrame([(1,)], "a int").createOrReplaceTempView("mine")
        session.stop()
        assert sessions.keeps(settings) is not forgotten
