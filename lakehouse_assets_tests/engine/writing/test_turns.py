"""Turns: one writer of a table at a time, and a dead one holds nobody up."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lakehouse_assets.engine.writing import turns
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import load

HOLDER = """
import sys, time
from lakehouse_assets.engine.writing import turns
from lakehouse_assets.settings import load
turn = turns.take(load(home=sys.argv[1]), "silver/a/b")
print("held", flush=True)
time.sleep(60)
"""


def test_a_table_has_one_writer_at_a_time_and_other_tables_do_not_wait(tmp_path):
    settings = load(home=tmp_path)
    with turns.take(settings, "silver/a/b"):
        with pytest.raises(UnavailableError, match="silver/a/b: another run"):
            turns.take(settings, "silver/a/b", wait_seconds=0)
        turns.take(settings, "silver/a/c", wait_seconds=0).give_back()
    turns.take(settings, "silver/a/b", wait_seconds=0).give_back()


def test_a_killed_writer_gives_its_turn_back(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(UnavailableError):
            turns.take(load(home=tmp_path), "silver/a/b", wait_seconds=0)
    finally:
        holder.kill()
        holder.wait()
    turns.take(load(home=tmp_path), "silver/a/b", wait_seconds=5).give_back()
