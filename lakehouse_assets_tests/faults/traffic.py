"""Live traffic: a process of its own that sends events at a rate until it is stopped.

python -m lakehouse_assets_tests.faults.traffic MANIFEST RATE EVERY
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from lakehouse_assets.demo import producer, transactions
from lakehouse_assets.demo.transactions import Lines
from lakehouse_assets.settings import load
from lakehouse_assets_tests.faults.site import Site

STOP_SECONDS = 90
LAST_SECONDS = 60.0
"""So long it waits for reports of what it sent last: a broker that was just killed has to start."""


def sampled(every: int) -> Lines:
    """Every n-th real line: as many days with fewer records."""
    lines = transactions.load()
    return lines.taken(np.arange(0, len(lines), every))


@contextmanager
def flowing(site: Site, rate: float, every: int) -> Iterator[None]:
    """Events flow to the site's topic inside of the block; each is in the manifest when it ends."""
    given = [str(site.manifest), str(rate), str(every)]
    process = subprocess.Popen([sys.executable, "-m", __spec__.name, *given])
    try:
        yield
        assert process.poll() is None, "the traffic ended by itself"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS)


def main() -> None:
    """Send until interrupted."""
    manifest, rate, every = sys.argv[1:]
    producer.INTERRUPTED_FLUSH_SECONDS = LAST_SECONDS  # type: ignore[misc]
    with suppress(KeyboardInterrupt):
        producer.trickle(load(), sampled(int(every)), float(rate), seed=7, manifest=Path(manifest))


if __name__ == "__main__":
    main()
