"""A worker: imports the definitions once, then executes one run after the other in its main thread."""

from __future__ import annotations

import os
import queue
import time
from functools import partial

from dagster import DagsterInstance
from dagster._cli.utils import get_instance_for_cli
from dagster._utils.interrupts import capture_interrupts, pop_captured_interrupt

from lakehouse_assets.engine.orchestration.workers import origin
from lakehouse_assets.engine.orchestration.workers.between import Surroundings, between_runs
from lakehouse_assets.engine.orchestration.workers.execution import execute, note_cancel, warm_up
from lakehouse_assets.engine.orchestration.workers.link import Link
from lakehouse_assets.engine.orchestration.workers.tickets import Tickets
from lakehouse_assets.engine.orchestration.workers.warming import Warming

LOOK_SECONDS = 5.0
"""How often a worker without a run looks whether its definitions are still those on disk."""
WARMING_SECONDS = 0.01
"""How long it listens for a run between two steps of its rehearsal."""


class Worker:
    """One process's work."""

    def __init__(self, link: Link, tickets: Tickets, instance: DagsterInstance, made_of: origin.Origin) -> None:
        self._link, self._tickets, self._instance, self._made_of = link, tickets, instance, made_of
        self._surroundings = Surroundings()
        self._warming = Warming(lambda said: link.say(warm=said))
        self._runs, self._looked = 0, time.monotonic()

    def work(self) -> None:
        """Executes what the pool asks for, until it asks to end or the definitions on disk are others."""
        self._link.say(ready=self._made_of.code)
        while (run := self._next()) is not None:
            if self._is_stale():
                break
            self._execute(run)
            self._link.say(done=run)

    def _next(self) -> str | None:
        while True:
            try:
                return self._link.asked(min(max(self._warming.rest_seconds, WARMING_SECONDS), LOOK_SECONDS))
            except queue.Empty:
                if self._looks_stale():
                    return None
                self._warming.step()

    def _looks_stale(self) -> bool:
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        return self._is_stale()

    def _is_stale(self) -> bool:
        stale = origin.now() != self._made_of
        if stale:
            self._link.say(stale=self._made_of.code)
        return stale

    def _execute(self, run: str) -> None:
        pop_captured_interrupt()
        self._link.begin(run)  # before it is taken: from then on only a cancel reaches it
        try:
            if self._tickets.take(run, os.getpid()):
                self._runs += 1
                shown: dict[str, int | str] = {"runs": self._runs, "code": self._made_of.code}
                execute(self._instance, run, shown, self._begun, self._link)
                self._begun(run)
        finally:
            self._link.finish()
        between_runs(self._surroundings)

    def _begun(self, run: str) -> None:
        self._tickets.begun(run, os.getpid())


def work(module: str, tickets: Tickets, link: Link) -> None:
    """Imports the definitions of a module and works for the pool at the other end of the link, until that is over."""
    with capture_interrupts(), get_instance_for_cli() as instance:
        made_of = origin.now()
        warm_up(module, instance)
        link.before_cancel = partial(note_cancel, instance)
        Worker(link, tickets, instance, made_of).work()
