"""The report: `latest.md` with a table for each workload, and a plot of each of its units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import plots
from benchmarks.harness.cases import Workload
from benchmarks.harness.results import Entry

COLUMNS = ("what", "contender", "median", "p95", "unit", "samples", "goal", "met")
MET = {True: "yes", False: "**no**", None: ""}


def write(folder: Path, workloads: Sequence[Workload], found: Sequence[Entry], about: dict[str, Any]) -> Path:
    """`latest.md`, and its plots beside it."""
    parts = ["# Benchmarks", said(about)]
    for workload in workloads:
        own = [each for each in found if each["workload"].split()[0].rstrip(",") == workload.name]
        if own:
            drawn = plots.draw(folder, workload, own)
            shown = "\n".join(f"![{workload.title}]({each.name})" for each in drawn)
            parts += [f"## {workload.name}: {workload.title}", table(own), shown]
    file = folder / "latest.md"
    file.write_text("\n\n".join(part for part in parts if part) + "\n")
    return file


def said(about: dict[str, Any]) -> str:
    """On what it was measured."""
    machine, versions, settings = about["machine"], about["versions"], about["settings"]
    named = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    return (
        f"{about['began']} to {about['date']}, commit {about['commit'][:12]}. {machine['processor']}, "
        f"{machine['cores']} cores, {machine['memory_gb']} GB; all of it on one machine. Scale {settings['name']}, "
        f"{settings['rounds']} rounds, heap {settings['heap']} and {settings['cores']} cores for each driver. "
        f"{named}.\n\n"
        "Contenders take turns within a round. A result that differs from the oracle's has no time."
    )


def table(entries: Sequence[Entry]) -> str:
    """Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    return "\n".join([*lines, *(row(each) for each in entries)])


def row(entry: Entry) -> str:
    """One line; of a wrong result the reason in the place of numbers."""
    if entry["wrong"]:
        reason = entry["wrong"].replace("|", "/").replace("\n", " ")[:300]
        return f"| {entry['workload']} | {entry['contender']} | WRONG: {reason} | | | | {entry['goal']} | **no** |"
    numbers = [shown(entry.get(name)) for name in ("median", "p95")]
    cells = [entry["workload"], entry["contender"], *numbers, entry["unit"], str(len(entry["samples"]))]
    return f"| {' | '.join([*cells, entry['goal'], MET[entry['met']]])} |"


def shown(value: float | None) -> str:
    """A number as people read it."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
