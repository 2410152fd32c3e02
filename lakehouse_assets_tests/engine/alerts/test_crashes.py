"""A crash before each statement of the outbox in turn: nothing is lost, and at most one message is repeated."""

from __future__ import annotations

import sqlite3
from functools import partial

import pytest

from lakehouse_assets.engine.alerts import outbox as module
from lakehouse_assets.engine.alerts.outbox import Outbox, Outcome
from lakehouse_assets_tests.engine.alerts.receivers import Hook


class CrashError(BaseException):
    """Nobody handles it."""


class Fuse:
    """How many statements are left before the crash; None for no crash."""

    left: int | None = None


class Crashing(sqlite3.Connection):
    def execute(self, statement, *arguments):
        if not statement.startswith("PRAGMA"):
            self.burn()
        return super().execute(statement, *arguments)

    def executemany(self, *arguments):
        self.burn()
        return super().executemany(*arguments)

    def burn(self) -> None:
        if Fuse.left is not None:
            Fuse.left -= 1
            if Fuse.left < 0:
                raise CrashError


@pytest.fixture
def crashing(monkeypatch):
    monkeypatch.setattr(module.sqlite3, "connect", partial(sqlite3.connect, factory=Crashing))
    yield Fuse
    Fuse.left = None


def test_a_crash_before_each_statement_of_a_round(bench, crashing, tmp_path):
    """A round that sees a start and a recovery, and delivers both; then one that is left alone."""
    bench.judge(False, True)
    repeats, statement = 0, 0
    while True:
        bench.set(home=tmp_path / f"crash_{statement}")
        bench.settings.home.mkdir()
        hook = Hook()
        with hook.up():
            bench.route(f'default = ["hook"]\n[channels]\nhook = "{hook.url}"\n')
            crashed = round_until(bench, crashing, statement)
            bench.round()
        assert [each.rpartition("-")[2] for each in dict.fromkeys(hook.ids)] == ["start", "recovery"]
        assert len(hook.ids) <= 3
        repeats += len(hook.ids) - 2
        if not crashed:
            break
        statement += 1
    assert statement > 20
    assert repeats > 0


def round_until(bench, fuse, statements: int) -> bool:
    """Whether a round crashed at so many statements."""
    fuse.left = statements
    try:
        bench.round()
    except CrashError:
        return True
    finally:
        fuse.left = None
    return False


def test_a_look_is_kept_whole_or_not_at_all(tmp_path, crashing):
    """The watches' cursor never goes ahead of the messages."""
    outbox = Outbox(tmp_path)
    outbox.commit({}, Outcome({}, memory={"checks": {"floor": 1}}), None)
    for statements in range(12):
        crashing.left = statements
        try:
            outbox.commit({}, Outcome({}, memory={"checks": {"floor": 2}}), None)
        except CrashError:
            crashing.left = None
            assert outbox.memory() == {"checks": {"floor": 1}}
            continue
        crashing.left = None
        assert outbox.memory() == {"checks": {"floor": 2}}
        return
    raise AssertionError("it never ended")


def test_two_rounds_never_run_at_once(tmp_path):
    outbox = Outbox(tmp_path)
    with outbox.turn() as first:
        assert first
        with Outbox(tmp_path).turn() as second:
            assert not second
    with outbox.turn() as third:
        assert third
