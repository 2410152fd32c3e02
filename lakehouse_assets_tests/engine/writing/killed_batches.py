"""Batch after batch of a topic through bronze, silver and gold by the run's own writer, in a process to be killed.

python -m lakehouse_assets_tests.engine.writing.killed_batches TOPIC SESSION

`run DEAD...` ends what Spark still does for dead processes, as a run does, and takes in what there is: an answer for
each batch.
"""

from __future__ import annotations

import sys
from functools import partial

from lakehouse_assets.engine.spark import SparkConnect, connect
from lakehouse_assets.engine.writing.engine import LATER, Engine
from lakehouse_assets.engine.writing.publication import in_turn, publish_planned
from lakehouse_assets.errors import PlanError
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab
from lakehouse_assets_tests.workers import DONE, say, told


def main(topic: str, session_id: str) -> None:
    lab = Lab(load(), connect(load(), session_id), topic)
    engine = lab.engine(run_id=session_id)
    say(DONE)
    for _, *dead in told():
        for each in dead:
            SparkConnect().interrupt(each)
        while took_in(lab, engine):
            say("batch")
        say(DONE)


def took_in(lab: Lab, engine: Engine) -> bool:
    """One batch through every table; whether there is more to look for.

    A batch whose records another process took in meanwhile is over, as a run of it would be.
    """
    given = {lab.bronze: lab.batch(), lab.silver: LATER, lab.gold: LATER}
    done = False
    for table, batch in given.items():
        planned = in_turn(engine.lake, table, partial(table.increment, engine, batch))
        try:
            done |= planned is not None and publish_planned(engine.spark, engine.lake, planned) is not None
        except PlanError:
            return True
        engine.lake.forward(table.key, table.quarantine)
    return done


if __name__ == "__main__":
    main(*sys.argv[1:])
