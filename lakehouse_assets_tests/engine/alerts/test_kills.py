"""Killed at any instant, with a channel down for a while: every message arrives, none is made up."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from contextlib import contextmanager

import pytest
from dagster import DagsterInstance

from lakehouse_assets_tests.engine.alerts.bench import judge
from lakehouse_assets_tests.engine.alerts.receivers import Hook, Mail
from lakehouse_assets_tests.engine.alerts.watchman import watch

WARM = "lakehouse_assets_tests.engine.alerts.warm"
KILLS = 6
TURNS = 4
WAIT_SECONDS = 30.0
SEED = 4
MOST_SECONDS = 0.3
"""A round takes about a third of it."""


@contextmanager
def watchman(home):
    """A new process, killed without warning at the end of the block. Its parent has imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([WARM])
    ready = context.Event()
    process = context.Process(target=watch, args=(home, ready))
    process.start()
    try:
        assert ready.wait(WAIT_SECONDS)
        yield process
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.join()


@pytest.mark.slow
def test_each_turn_arrives_although_the_process_is_killed(tmp_path, mail):
    """One start and one recovery for each incident by mail and by a webhook that is down most of the time.

    A message may come twice, with the same id, when the process dies between its delivery and its mark.
    """
    hook, instants = Hook(), random.Random(SEED)
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    routes = f'default = ["mail", "hook"]\n[channels]\nmail = "{mail.url}"\nhook = "{hook.url}"\n'
    (tmp_path / "alerts.toml").write_text(routes)
    with DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        with watchman(tmp_path):
            judge(instance, (False,))
            wait_for(lambda: mail.ids)
        for kill in range(KILLS):
            if kill < TURNS:
                judge(instance, (kill % 2 == 0,))
            with watchman(tmp_path):
                time.sleep(instants.uniform(0.0, MOST_SECONDS))
        with hook.up(), watchman(tmp_path):
            wait_for(lambda: len({*hook.ids}) == len({*mail.ids}) == TURNS + 1)

    for channel in (mail, hook):
        assert phases(channel) == ["start", "recovery"] * (TURNS // 2) + ["start"]
        assert len(channel.ids) <= TURNS + 1 + KILLS


def phases(channel: Mail | Hook) -> list[str]:
    """Of each message once, in the order in which they came first."""
    return [each.rpartition("-")[2] for each in dict.fromkeys(channel.ids)]


def wait_for(condition) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
