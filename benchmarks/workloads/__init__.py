"""The workloads, one file each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks.harness.cases import Workload
from benchmarks.harness.scale import Sizes
from benchmarks.workloads import (
    w1_backlog,
    w2_freshness,
    w3_size,
    w4_rebuild,
    w5_rules,
    w6_commits,
    w7_wide,
    w8_rest,
)

WORKLOADS: Final[dict[str, Callable[[Sizes], Workload]]] = {
    "W1": w1_backlog.workload,
    "W2": w2_freshness.workload,
    "W3": w3_size.workload,
    "W4": w4_rebuild.workload,
    "W5": w5_rules.workload,
    "W6": w6_commits.workload,
    "W7": w7_wide.workload,
    "W8": w8_rest.workload,
}
