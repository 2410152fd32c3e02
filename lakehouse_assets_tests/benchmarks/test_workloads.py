"""A tiny round of every workload: all results are right and the files complete; no time is judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmarks.harness.scale import TINY
from benchmarks.workloads import WORKLOADS
from lakehouse_assets_tests import PROJECT

SECONDS = 3000


def bench(name: str, folder) -> str:
    """What the command says; fails where a result was wrong or could not be measured."""
    asked = {"BENCH": name, "BENCH_SCALE": "tiny", "BENCH_RESULTS": str(folder), "PYTHONPATH": str(PROJECT)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "DAGSTER_"))}
    command = [sys.executable, "-m", "benchmarks"]
    done = subprocess.run(
        command, cwd=PROJECT, env=kept | asked, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_tiny_round(name, tmp_path):
    """And a second call has nothing left to do."""
    bench(name, tmp_path)
    found = json.loads((tmp_path / "latest.json").read_text())
    told = {(each["workload"], each["contender"]) for each in found}
    wanted = {(case.name, contender) for case in WORKLOADS[name](TINY).cases for contender in case.contenders}

    assert wanted - told <= {("W8 growth", "ours")}
    assert all(each["samples"] and not each["wrong"] for each in found)
    assert {ratio.name for ratio in WORKLOADS[name](TINY).ratios} <= {each["workload"] for each in found}
    assert f"## {name}" in (tmp_path / "latest.md").read_text()
    assert "round 1" not in bench(name, tmp_path)
