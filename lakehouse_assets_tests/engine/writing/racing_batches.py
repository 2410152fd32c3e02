"""A writer of silver that races with another one: it takes a batch at a word, and plans anew where it came too late.

python -m lakehouse_assets_tests.engine.writing.racing_batches TOPIC WRITER

`take SECONDS` waits so long and commits one batch.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import uuid4

from lakehouse_assets.engine.spark import connect
from lakehouse_assets.engine.writing.engine import LATER, Engine
from lakehouse_assets.engine.writing.publication import Publication, in_turn, publish_planned
from lakehouse_assets.errors import SupersededError
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab
from lakehouse_assets_tests.workers import DONE, say, told


@dataclass
class Racer:
    """One writer, named as what commits for it: `run` or `spark`."""

    lab: Lab
    writer: str
    meet: Callable[[], object] = lambda: None
    """Called between the first plan of a batch and its commit."""
    conflicts: int = 0
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.lab = self.lab.written_by(self.writer)
        self.engine = self.lab.engine(run_id=self.writer)

    def take(self) -> None:
        """One commit, however often another one comes first."""
        first = self._plan()
        self.meet()
        while not self._published(first):
            first = self._plan()

    def _published(self, planned: Publication) -> bool:
        try:
            return publish_planned(self.engine.spark, self.engine.lake, replace(planned, anew=self._anew)) is not None
        except SupersededError:
            self.conflicts += 1
            return False

    def _anew(self) -> Publication:
        self.conflicts += 1
        return self._plan()

    def _plan(self) -> Publication:
        silver, lake = self.lab.silver, self.engine.lake
        planned = in_turn(lake, silver, lambda: silver.increment(self.engine, LATER))
        assert planned is not None, "nothing is left to take"
        return planned


def main(topic: str, writer: str) -> None:
    racer = Racer(Lab(load(), connect(load(), str(uuid4())), topic), writer)
    say(DONE)
    for _, seconds in told():
        time.sleep(float(seconds))
        racer.take()
        say(racer.conflicts)
        say(DONE)


if __name__ == "__main__":
    main(*sys.argv[1:])
