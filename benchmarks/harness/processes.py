"""What the processes of a home take of the machine: time of the processors, and memory without counting pages twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks.harness.site import Site

MEGABYTE = 1_000_000


def of(site: Site) -> Iterator[psutil.Process]:
    """Every process that was started for the site's home, by the marker in its environment."""
    yield from site.stack.leftovers()


def cpu_percent(site: Site, seconds: float) -> float:
    """Percent of one core over some time."""
    before, began = _spent(site), time.monotonic()
    time.sleep(seconds)
    after = _spent(site)
    spent = sum(used - before.get(which, 0.0) for which, used in after.items())
    return 100 * spent / (time.monotonic() - began)


def pss_megabytes(site: Site) -> float:
    """The sum of the processes' proportional shares, in millions of bytes."""
    return sum(_pss(each) for each in of(site)) / MEGABYTE


def _spent(site: Site) -> dict[tuple[int, float], float]:
    found = {}
    for each in of(site):
        try:
            times = each.cpu_times()
            found[each.pid, each.create_time()] = times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return found


def _pss(process: psutil.Process) -> int:
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
