"""The runs of one of two sources, in a process of its own: to meet those of the other at the table over both.

python -m lakehouse_assets_tests.engine.meeting_runs OWN_TOPIC SALES_TOPIC SHIPPED_TOPIC

`run` is one run. Where it has planned the table over both it answers `planned VERSION` and waits for a line. A plan
made anew because the other came first is told as `anew`. The last but one answer is whether the run succeeded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dagster import DagsterInstance

from lakehouse_assets.engine.orchestration import io_manager
from lakehouse_assets.engine.writing.publication import Publication, publish_planned
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab
from lakehouse_assets_tests.engine.test_upstreams import Labs
from lakehouse_assets_tests.jobs import run_source
from lakehouse_assets_tests.workers import DONE, say, told


def main(own: str, *topics: str) -> None:
    labs = Labs(*(Lab(load(), None, topic) for topic in topics))
    [source] = [lab.bronze for lab in (labs.sales, labs.shipped) if lab.topic == own]
    tables = [*labs.sales.tables[:2], *labs.shipped.tables[:2], labs.joint]
    lines = told()
    io_manager.publish_planned = meeting(labs, lines)
    with DagsterInstance.ephemeral() as instance:
        for _ in lines:
            say(run_source(instance, source, tables))
            say(DONE)


def meeting(labs: Labs, lines: Iterator[list[str]]) -> Any:
    """Publishes as the engine does; before a commit to the table over both it says so and waits for a line."""

    def publish(spark: Any, lake: Any, planned: Publication) -> Any:
        if planned.table.key == labs.joint.key:
            say("planned", planned.before.version)
            next(lines)
            planned = counted(planned)
        return publish_planned(spark, lake, planned)

    return publish


def counted(planned: Publication) -> Publication:
    """Says so whenever it is planned anew."""
    plan = planned.anew
    assert plan is not None

    def anew() -> Publication | None:
        say("anew")
        return plan()

    return replace(planned, anew=anew)


if __name__ == "__main__":
    main(*sys.argv[1:])
