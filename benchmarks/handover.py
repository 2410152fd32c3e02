"""What a run of one trivial op costs: handed to a warm worker, and by Dagster's own launcher, in turns.

    python -m benchmarks.handover --runs 20

Both have a Dagster home of SQLite files of their own, and the same code. Prints median, 95th percentile and least,
in seconds after `launch_run` was called: when it returned, when the step started, when the run had succeeded.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.events import DagsterEventType
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget

from lakehouse_assets_tests.engine.orchestration.workers.yard import MODULE, Yard, yard

STAGES = ("returned", "step started", "succeeded")
GOALS = {"step started": 0.25, "succeeded": 0.5}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contenders(Path(folder)) as found:
        samples: dict[str, list[Sequence[float]]] = {name: [] for name in found}
        for _ in range(given.runs + 1):
            for name, (place, context) in found.items():
                samples[name].append(measure(place, context))
    for name, taken in samples.items():
        show(name, taken[1:])


@contextmanager
def contenders(folder: Path) -> Iterator[dict[str, tuple[Yard, Any]]]:
    """Two yards: one with a pool, one with a code server."""
    warm, own = folder / "warm", folder / "own"
    for each in (warm, own):
        each.mkdir()
    with yard(warm) as pooled, yard(own, output="") as plain:
        os.environ["PYTHONPATH"] = os.pathsep.join((str(own), os.environ.get("PYTHONPATH", "")))
        pooled.start()
        pooled.warm()
        with WorkspaceProcessContext(plain.instance, ModuleTarget(MODULE, None, str(own), "here")) as process:
            yield {"warm worker": (pooled, None), "Dagster's own": (plain, process.create_request_context())}


def measure(place: Yard, context: Any) -> Sequence[float]:
    """Seconds from the call until each stage."""
    remote = None
    if context is not None:
        (repository,) = context.get_code_location("here").get_repositories().values()
        remote = repository.get_full_job("work").get_remote_origin()
    run = place.run(remote=remote)
    began = time.time()
    place.instance.launch_run(run, context)
    returned = time.time() - began
    place.ended(run)
    events = (DagsterEventType.STEP_START, DagsterEventType.RUN_SUCCESS)
    return returned, *(place.events(run, kind)[0].timestamp - began for kind in events)


def show(name: str, samples: Sequence[Sequence[float]]) -> None:
    """One line for each stage."""
    for stage, seconds in zip(STAGES, zip(*samples, strict=True), strict=True):
        ordered = sorted(seconds)
        p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        goal = f"   goal {GOALS[stage]} s" if stage in GOALS and name == "warm worker" else ""
        median = statistics.median(seconds)
        line = f"{name:14} {stage:13} median {median:6.3f} s   p95 {p95:6.3f} s   least {ordered[0]:6.3f} s"
        print(f"{line}   n {len(ordered)}{goal}")  # noqa: T201


if __name__ == "__main__":
    main()
