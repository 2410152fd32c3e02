"""Plots of a workload: one for each unit, a row for each case and contender, a dot for each sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.cases import RATIO, Workload
from benchmarks.harness.results import Entry

MOST_DOTS = 2_000
ROW_INCHES, WIDTH_INCHES = 0.35, 8.0


def draw(folder: Path, workload: Workload, entries: Sequence[Entry]) -> list[Path]:
    """SVG files in the folder; ratios are left to the table."""
    units = dict.fromkeys(each["unit"] for each in entries if each["samples"] and each["unit"] != RATIO)
    return [_draw(folder, workload, unit, number, entries) for number, unit in enumerate(units)]


def _draw(folder: Path, workload: Workload, unit: str, number: int, entries: Sequence[Entry]) -> Path:
    from matplotlib.figure import Figure

    own = [each for each in entries if each["unit"] == unit and each["samples"]]
    figure = Figure(figsize=(WIDTH_INCHES, 1.2 + ROW_INCHES * len(own)), layout="constrained")
    axes = figure.subplots()
    for at, each in enumerate(own):
        values = each["samples"][:: max(1, len(each["samples"]) // MOST_DOTS)]
        axes.plot(values, [at] * len(values), "o", alpha=0.35, markersize=4)
        axes.plot([each["median"]], [at], "|", color="black", markersize=16)
    axes.set_yticks(range(len(own)), [f"{each['workload']}, {each['contender']}" for each in own])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{unit}; the line is the median")
    axes.set_title(f"{workload.name}: {workload.title}", loc="left")
    file = folder / f"{workload.name.lower()}{f'-{number}' if number else ''}.svg"
    figure.savefig(file)
    return file
