"""How large each workload is: as the goals are stated, smaller to look where one is, tiny to run as a test."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Sizes:
    """Sizes of all workloads; times in seconds, rates in records a second."""

    name: str
    rounds: int
    heap: str
    """Of the one Spark driver of each contender, as Java's -Xmx takes it."""
    cores: int
    timeout: float
    """So long after the last record a contender may take to show it."""
    every: int
    """W1 and W4 replay every n-th of the 1,469,307 real lines."""
    day_lines: int
    """Lines that today holds before traffic starts: those of a day of the demo."""
    big_day_lines: int
    rate: float
    traffic: float
    """How long W2's steady traffic is: longer than three runs of ours may work on."""
    further_traffic: float
    """How long that into a large day, and that of many sources, is."""
    measured_every: int
    """Every n-th record of a traffic is measured."""
    burst: int
    """Records of a small batch."""
    warm_ups: int
    """Small batches before the first measured one."""
    silences: int
    """Batches after a silence, in one round."""
    silence: tuple[float, float]
    """Shortest and longest."""
    sources: int
    tables: tuple[int, ...]
    """Rows of the tables of W3."""
    batch: int
    """Records of W3's batch."""
    batches: int
    """Batches of W3 in one round."""
    versions: int
    small_files: int
    rebuilt_days: int
    session_days: int
    """Days that the fresh sessions of W4 rebuild; what all of them would take is told from these."""
    ruled_rows: int
    commits: int
    edge: int
    """First and last commits that W6 compares."""
    wide_records: int
    wide_days: int
    rest: float
    growth: tuple[int, int]
    """After so many batches W8 looks at the memory."""


FULL = Sizes(
    name="full",
    rounds=5,
    heap="2g",
    cores=os.cpu_count() or 2,
    timeout=900.0,
    every=1,
    day_lines=4_000,
    big_day_lines=5_000_000,
    rate=200.0,
    traffic=600.0,
    further_traffic=180.0,
    measured_every=10,
    burst=200,
    warm_ups=3,
    silences=4,
    silence=(30.0, 150.0),
    sources=100,
    tables=(100_000, 1_000_000, 4_000_000, 16_000_000),
    batch=1_000,
    batches=5,
    versions=10_000,
    small_files=5_000,
    rebuilt_days=365,
    session_days=5,
    ruled_rows=1_000_000,
    commits=300,
    edge=30,
    wide_records=50_000,
    wide_days=490,
    rest=180.0,
    growth=(50, 500),
)
TINY = Sizes(
    name="tiny",
    rounds=1,
    heap="1g",
    cores=os.cpu_count() or 2,
    timeout=240.0,
    every=5_000,
    day_lines=40,
    big_day_lines=2_000,
    rate=10.0,
    traffic=4.0,
    further_traffic=2.0,
    measured_every=1,
    burst=10,
    warm_ups=1,
    silences=1,
    silence=(0.5, 1.0),
    sources=4,
    tables=(100, 1_000),
    batch=10,
    batches=1,
    versions=30,
    small_files=8,
    rebuilt_days=365,
    session_days=1,
    ruled_rows=3_100,
    commits=4,
    edge=2,
    wide_records=60,
    wide_days=6,
    rest=2.0,
    growth=(1, 2),
)
SHORT = replace(
    FULL,
    name="short",
    rounds=1,
    every=3,
    traffic=90.0,
    further_traffic=60.0,
    silences=3,
    silence=(30.0, 45.0),
    tables=(100_000, 1_000_000),
    batches=3,
    session_days=2,
    ruled_rows=200_000,
    commits=60,
    edge=15,
    rest=60.0,
    growth=(10, 60),
)
"""Near to the truth within an hour or two; no goal is judged by it."""
SCALES = {each.name: each for each in (FULL, SHORT, TINY)}
