"""Ctrl-C in the demo, as a terminal sends it: to `make` and to all that it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse_assets.demo import interrupts
from lakehouse_assets.engine.alerts.rounds import outbox_of
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import load
from lakehouse_assets_tests import PROJECT
from lakehouse_assets_tests.faults.site import until

STOP_SECONDS = 10.0
"""On a machine that does nothing else."""
START_SECONDS = 900
DEMO = "from lakehouse_assets.cli import main; main()"


def test_a_signal_is_raised_between_two_steps_or_at_the_end():
    """Never inside of one; the handlers of before are back afterwards."""
    before, done = [signal.getsignal(each) for each in interrupts.SIGNALS], []

    def steps() -> None:
        with interrupts.held_back() as check:
            os.kill(os.getpid(), signal.SIGINT)
            done.append("the step is finished")
            check()
            done.append("another one")

    with pytest.raises(KeyboardInterrupt):
        steps()
    assert done == ["the step is finished"]
    with pytest.raises(KeyboardInterrupt), interrupts.held_back():
        os.kill(os.getpid(), signal.SIGTERM)
    with interrupts.ignored():
        os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(each) for each in interrupts.SIGNALS] == before


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A state folder; whatever still runs for it when the test has failed is stopped."""
    yield tmp_path
    Stack(tmp_path).down()


def _ready(demo: subprocess.Popen[bytes], said: Path) -> bool:
    assert demo.poll() is None, said.read_text()
    return "records a second" in said.read_text()


def _interrupted(home: Path, said: Path) -> tuple[int, float]:
    """The exit code, and the seconds from Ctrl-C to it."""
    environment = os.environ | {"LAKEHOUSE_HOME": str(home), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", DEMO, "demo", "--rows", "2000", "--rate", "100"]
    with said.open("w") as output:
        demo = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        until(lambda: _ready(demo, said), START_SECONDS, f"the trickle of {said}")
        time.sleep(5)
        began = time.monotonic()
        os.killpg(demo.pid, signal.SIGINT)
        return demo.wait(60), time.monotonic() - began
    finally:
        demo.kill()


@pytest.mark.slow
def test_ctrl_c_stops_everything_in_ten_seconds_and_alerts_nobody(home: Path):
    """With a run in flight: no traceback, nothing left running, and no alert for that run after the next start."""
    code, seconds = _interrupted(home, home / "said.txt")
    text, stack = (home / "said.txt").read_text(), Stack(home)
    assert code in (0, 130), text
    assert text.splitlines()[-2:] == ["The trickle ended.", "Stopping the services."], text
    assert "Traceback" not in text
    assert seconds < STOP_SECONDS, text
    assert stack.leftovers() == []
    stack.up()
    settings = load(home=home)
    time.sleep(4 * settings.alerts_interval_seconds)
    assert [each.first for each in outbox_of(settings).incidents().values() if each.first.kind == "run"] == []
