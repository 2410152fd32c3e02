"""Freshness: when each record became visible in each gold table, by a watcher that is the same for every contender.

The topic has one partition, so that what a table has taken in is a prefix of what was sent. The lines that the table
counts say how long a prefix; that the revenue is the one of this very prefix is checked each time.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from benchmarks.harness.cases import WrongResultError
from benchmarks.harness.reading import Reader, Seen
from benchmarks.harness.records import Sale

POLL_SECONDS = 0.1
POLL_WIDE_SECONDS = 0.5
"""Where a look reads more than a few days: it would take the machine's time from who is measured."""
WIDE_DAYS = 7


@dataclass(frozen=True)
class Prefixes:
    """Of each prefix of what is sent, from the empty one on: lines without repetitions, and revenue in cents."""

    lines: Sequence[int]
    cents: Sequence[int]

    def length(self, seen: Seen) -> int:
        """The shortest prefix that is what was seen.

        Raises:
            WrongResultError: none is.
        """
        at = bisect_left(self.lines, seen.lines)
        if at == len(self.lines) or (self.lines[at], self.cents[at]) != (seen.lines, seen.cents):
            raise WrongResultError(f"version {seen.version} counts {seen.lines} lines, {seen.cents} cents: no prefix")
        return at


def prefixes(sales: Sequence[Sale], lines: int = 0, cents: int = 0) -> Prefixes:
    """Of sales in their order; `lines` and `cents` are there before."""
    counted, summed, known = [lines], [cents], set[int]()
    for sale in sales:
        new = sale.number not in known
        known.add(sale.number)
        counted.append(counted[-1] + new)
        summed.append(summed[-1] + (sale.cents if new else 0))
    return Prefixes(counted, summed)


Step = tuple[float, Seen]
"""A version, and when it was first read."""


@dataclass
class Watcher:
    """Polls tables in a thread of its own while the block runs."""

    readers: Mapping[str, Reader]
    days: Sequence[date]
    steps: dict[str, list[Step]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def __enter__(self) -> Watcher:
        self.steps = {name: [] for name in self.readers}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def until(self, holds: Callable[[Seen], bool], seconds: float, check: Callable[[], None] = lambda: None) -> float:
        """Waits until the newest step of every table holds; returns when the last one began to.

        Raises:
            WrongResultError: that did not come about in time, or `check`, which is asked meanwhile, raises it.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            newest = {name: found[-1] for name, found in self.steps.items() if found}
            if len(newest) == len(self.readers) and all(holds(seen) for _, seen in newest.values()):
                return max(next(at for at, seen in self.steps[name] if holds(seen)) for name in newest)
            check()
            time.sleep(POLL_SECONDS / 2)
        shown = {name: found[-1][1] for name, found in self.steps.items() if found}
        raise WrongResultError(f"not there after {seconds:.0f} s: {shown} {self.troubles[-1:]}")

    def _poll(self) -> None:
        pause = POLL_SECONDS if 0 < len(self.days) <= WIDE_DAYS else POLL_WIDE_SECONDS
        while not self._stopped.wait(pause):
            for name, reader in self.readers.items():
                try:
                    self._look(name, reader)
                except Exception as error:  # a store that is busy is asked again; what stays wrong ends in `until`
                    self.troubles.append(f"{name}: {error}")

    def _look(self, name: str, reader: Reader) -> None:
        known = self.steps[name][-1][1].version if self.steps[name] else -1
        if reader.version() > known:
            seen = reader.seen(self.days)
            self.steps[name].append((time.time(), seen))


def freshness(
    steps: Sequence[Step], sent: Sequence[float], prefix: Prefixes, every: int = 1, first: int = 0
) -> list[float]:
    """Seconds from the sending of every n-th record, from the `first` on, until a step had it.

    `sent` are the times of sending, of all records. Those that repeat another one are left out.

    Raises:
        WrongResultError: a step is no prefix, or a record is in none.
    """
    reached, found, at = [(when, prefix.length(seen)) for when, seen in steps], [], 0
    for index in range(first, len(sent), every):
        if prefix.lines[index + 1] == prefix.lines[index]:
            continue
        while at < len(reached) and reached[at][1] <= index:
            at += 1
        if at == len(reached):
            raise WrongResultError(f"record {index} of {len(sent)} was never seen")
        found.append(reached[at][0] - sent[index])
    return found
