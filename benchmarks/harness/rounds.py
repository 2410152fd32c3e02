"""Rounds: contenders take turns within each round, and what is measured already is not measured again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from benchmarks.harness.cases import Case, Measured, Sample, Workload, WrongResultError
from benchmarks.harness.store import Store

Say = Callable[[str], None]
Piece = tuple[Case, str, int]
"""A case, a contender and a round."""


def pieces(workload: Workload, rounds: int) -> Iterator[Piece]:
    """Round by round and case by case; who comes first turns from round to round."""
    for number in range(rounds):
        for case in workload.cases:
            if case.most_rounds is not None and number >= case.most_rounds:
                continue
            at = number % len(case.contenders)
            for contender in case.contenders[at:] + case.contenders[:at]:
                yield case, contender, number


def run(workload: Workload, rounds: int, store: Store, say: Say) -> list[str]:
    """Measures what is missing; returns what could not be measured, and why."""
    failed = []
    for case, contender, number in missing(workload, rounds, store):
        name = f"{case.name}, {contender}, round {number + 1} of {rounds}"
        say(f"{name} ...")
        began = time.monotonic()
        try:
            found = measured(case, contender, number)
        except Exception as error:
            failed.append(f"{name}: {type(error).__name__}: {error}")
            say(f"  failed: {error}")
            continue
        store.add(found, datetime.now(UTC).isoformat(timespec="seconds"))
        say(f"  {told(found)} (in {time.monotonic() - began:.0f} s)")
    return failed


def missing(workload: Workload, rounds: int, store: Store) -> Sequence[Piece]:
    """The pieces of which there is no sample."""
    done = {(each.case, each.contender, each.round) for each in store.samples()}
    return [piece for piece in pieces(workload, rounds) if (piece[0].name, *piece[1:]) not in done]


def measured(case: Case, contender: str, number: int) -> list[Sample]:
    """One piece; a wrong result is a sample without values.

    What is told under other names besides is kept with a mark that the piece itself is done.
    """
    try:
        found = case.measure(contender, number)
    except WrongResultError as error:
        return [Sample(case.name, contender, number, "", (), str(error))]
    samples = [_sample(case, contender, number, each) for each in found]
    own = any((each.case, each.contender) == (case.name, contender) for each in samples)
    return samples if own else [*samples, Sample(case.name, contender, number, "", ())]


def _sample(case: Case, contender: str, number: int, found: Measured) -> Sample:
    values = tuple(round(value, 4) for value in found.values)
    return Sample(found.case or case.name, found.contender or contender, number, found.unit, values)


def told(samples: Sequence[Sample]) -> str:
    """The first values, or what is wrong."""
    parts = []
    for each in samples:
        shown = ", ".join(f"{value:g}" for value in each.values[:5]) + (" ..." if len(each.values) > 5 else "")
        parts.append(f"{each.case} {each.contender}: {'WRONG: ' + each.wrong if each.wrong else shown} {each.unit}")
    return "; ".join(parts)
