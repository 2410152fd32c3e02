"""Results: samples to medians and 95th percentiles, and whether the goals are met."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.cases import RATIO, Goal, Limit, Ratio, Sample, Workload

Entry = dict[str, Any]
"""{workload, contender, samples, rounds, median, p95, unit, goal, met, wrong}; `met` is None where there is no goal."""


def entries(workloads: Sequence[Workload], samples: Sequence[Sample]) -> list[Entry]:
    """One for each case and contender, then one for each ratio, workload by workload."""
    found = []
    for workload in workloads:
        for case in dict.fromkeys([*(each.name for each in workload.cases), *told_besides(workload, samples)]):
            of_case = [each for each in samples if each.case == case]
            for contender in dict.fromkeys(each.contender for each in of_case):
                found.append(_entry(workload, case, contender, of_case))
        found += [_ratio(each, samples) for each in workload.ratios]
    return [each for each in found if each["samples"] or each["wrong"]]


def told_besides(workload: Workload, samples: Sequence[Sample]) -> Iterator[str]:
    """Cases that a workload's pieces tell besides their own."""
    own = {each.name for each in workload.cases}
    for each in samples:
        if each.case not in own and each.case.split()[0] == workload.name:
            yield each.case


def _entry(workload: Workload, case: str, contender: str, of_case: Sequence[Sample]) -> Entry:
    own = [each for each in of_case if each.contender == contender]
    goal = next((g for g in workload.goals if (g.case, g.contender) == (case, contender)), Goal(case, ()))
    rounds = [list(each.values) for each in sorted(own, key=lambda each: each.round) if each.values]
    unit = next((each.unit for each in own if each.unit), "")
    wrong = "; ".join(f"round {each.round + 1}: {each.wrong}" for each in own if each.wrong)
    return entry(case, contender, rounds, unit, goal.limits, wrong)


def entry(
    name: str, contender: str, rounds: Sequence[Sequence[float]], unit: str, limits: Sequence[Limit], wrong: str = ""
) -> Entry:
    """With statistics over all values; a contender that was wrong once has met nothing."""
    values = [value for each in rounds for value in each] if not wrong else []
    shown = summary(values)
    met = bool(values) and all(limit.holds(shown[limit.statistic]) for limit in limits)
    return {
        "workload": name,
        "contender": contender,
        "samples": values,
        "rounds": [statistics.median(each) for each in rounds] if not wrong else [],
        **shown,
        "unit": unit,
        "goal": ", ".join(limit.text(unit) for limit in limits),
        "met": met if limits else None,
        "wrong": wrong,
    }


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile (between neighbours), NaN-free: nothing is None."""
    if not values:
        return {}
    return {"median": round(statistics.median(values), 4), "p95": round(float(np.percentile(values, 95)), 4)}


def _ratio(ratio: Ratio, samples: Sequence[Sample]) -> Entry:
    above, below = _medians(ratio.of, samples), _medians(ratio.to, samples)
    both = sorted(above.keys() & below.keys())
    values = [round(above[each] / below[each], 4) for each in both if below[each]]
    sides = ratio.of[1] if ratio.of[1] == ratio.to[1] else f"{ratio.of[1]} / {ratio.to[1]}"
    wrong = "; ".join(
        each.wrong for each in samples if each.wrong and (each.case, each.contender) in (ratio.of, ratio.to)
    )
    return entry(ratio.name, sides, [[each] for each in values], RATIO, (ratio.limit,) if ratio.limit else (), wrong)


def _medians(side: tuple[str, str], samples: Sequence[Sample]) -> dict[int, float]:
    own = [each for each in samples if (each.case, each.contender) == side and each.values]
    return {each.round: statistics.median(each.values) for each in own}


def write(folder: Path, found: Sequence[Entry], about: dict[str, Any]) -> Path:
    """`latest.json`: the entries in a list, each with what the machine and the settings were."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "latest.json"
    whole = [{"median": None, "p95": None} | each for each in found]
    file.write_text(json.dumps([{**each, "about": about} for each in whole], indent=1) + "\n")
    return file
