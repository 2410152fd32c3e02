"""A contender's program is waited for, watched and ended; what it said last is told."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from benchmarks.contenders.process import Program
from benchmarks.harness.cases import WrongResultError


@pytest.fixture
def program(tmp_path):
    site = SimpleNamespace(stack=SimpleNamespace(settings=SimpleNamespace(home=tmp_path)))
    return lambda what: Program(site, "lakehouse_assets_tests.benchmarks.a_program", [what])


def test_one_that_waits_runs_until_it_is_stopped(program):
    waiting = program("wait")
    waiting.start()
    waiting.check()
    waiting.stop()

    with pytest.raises(WrongResultError, match="has ended"):
        waiting.check()


def test_one_that_fails_says_why(program):
    with pytest.raises(WrongResultError, match="no such topic"):
        program("fail").start()
    with pytest.raises(WrongResultError, match="no such topic"):
        program("fail").run(60)


def test_one_that_ends_has_run(program):
    program("end").run(60)


def test_one_that_takes_too_long_is_ended(program):
    began = time.monotonic()
    with pytest.raises(WrongResultError):
        program("wait").run(1)

    assert time.monotonic() - began < 30
