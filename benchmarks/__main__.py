"""Runs the workloads against other contenders; a second call goes on where the first one was cut.

    python -m benchmarks            # all of them; the same as `make bench`
    BENCH=W1,W2 BENCH_SCALE=short BENCH_CONTENDERS=ours,streaming BENCH_ROUNDS=3 python -m benchmarks
    BENCH=W2 BENCH_CASES="W2 large day,W2 after silence" python -m benchmarks

Results are in `benchmarks/results/`, or where BENCH_RESULTS says: `latest.json`, `latest.md`, plots, and the samples.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.harness import machine, report, results, rounds
from benchmarks.harness.cases import Case, Workload
from benchmarks.harness.scale import SCALES, Sizes
from benchmarks.harness.store import ROOT, Store, digest
from benchmarks.workloads import WORKLOADS

RESULTS = ROOT / "benchmarks" / "results"
FILTERS = ("CONTENDERS", "CASES")
CUT = 143
"""Exit code after TERM: services are stopped first, as after Ctrl-C."""


@dataclass(frozen=True)
class Asked:
    """What is to be run."""

    names: Sequence[str]
    sizes: Sizes
    rounds: int
    contenders: frozenset[str]
    """All, where it is empty."""
    cases: frozenset[str]
    """All, where it is empty."""
    folder: Path
    """Where results are written."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Asked:
        """From the BENCH variables.

        Raises:
            SystemExit: one of them names nothing that there is.
        """
        names = _words(environment.get("BENCH", "")) or [*WORKLOADS]
        scale = environment.get("BENCH_SCALE", "full")
        _known("BENCH", names, WORKLOADS)
        _known("BENCH_SCALE", [scale], SCALES)
        sizes = SCALES[scale]
        asked_rounds = int(environment.get("BENCH_ROUNDS") or sizes.rounds)
        folder = Path(environment.get("BENCH_RESULTS") or RESULTS)
        contenders, cases = (frozenset(_words(environment.get(f"BENCH_{each}", ""))) for each in FILTERS)
        return cls(names, sizes, asked_rounds, contenders, cases, folder)


def _words(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _known(variable: str, names: Sequence[str], among: Mapping[str, object]) -> None:
    if unknown := [each for each in names if each not in among]:
        raise SystemExit(f"{variable}: there is no {', '.join(unknown)}; there are {', '.join(among)}")


def chosen(workload: Workload, asked: Asked) -> Workload:
    """With the cases and contenders that are asked for."""
    cases = [each for each in workload.cases if not asked.cases or each.name in asked.cases]
    kept = [replace(each, contenders=_among(each, asked.contenders)) for each in cases]
    return replace(workload, cases=tuple(each for each in kept if each.contenders))


def _among(case: Case, contenders: frozenset[str]) -> tuple[str, ...]:
    return tuple(each for each in case.contenders if not contenders or each in contenders)


def main() -> int:
    """Runs what is missing and writes the results; 1 where something could not be measured or was wrong."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(CUT))
    asked = Asked.of(os.environ)
    code = digest(asked.sizes)
    store = Store(asked.folder / f"samples-{asked.sizes.name}.jsonl", code)
    every = [WORKLOADS[name](asked.sizes) for name in WORKLOADS]
    failed = []
    for workload in every:
        if workload.name in asked.names:
            failed += rounds.run(chosen(workload, asked), asked.rounds, store, say)
            written(asked, every, store)
    for each in failed:
        say(f"NOT MEASURED: {each}")
    wrong = [each for each in store.samples() if each.wrong]
    return 1 if failed or wrong else 0


def written(asked: Asked, workloads: Sequence[Workload], store: Store) -> None:
    """All samples of this scale and code, also those of earlier calls."""
    found = results.entries(workloads, store.samples())
    about = machine.about(asked.sizes, store.code, store.began())
    results.write(asked.folder, found, about)
    say(f"written: {report.write(asked.folder, workloads, found, about)}")


def say(line: str) -> None:
    """Says it at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
