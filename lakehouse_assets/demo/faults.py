"""What real topics carry besides good records, mixed in by seed.

Each source line draws at most one fault, by a hash of the seed and its replay index: the same seed gives
the same topic, wherever a replay starts. A late line is its only record; every other fault is an extra
record beside the line's good one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from lakehouse_assets.demo.transactions import SECONDS_A_DAY, Lines, Longs

Codes = npt.NDArray[np.int8]


class Label(StrEnum):
    """What a record is."""

    GOOD = "good"
    CANCELLATION = "cancellation"
    LATE = "late"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    MALFORMED = "malformed"
    WRONG_TYPE = "wrong_type"
    NULL = "null"
    ABSURD_TIMESTAMP = "absurd_timestamp"


class Fate(StrEnum):
    """Where a record must end."""

    PUBLISHED = "published"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"


LABELS: Final = tuple(Label)

FATES: Final[Mapping[Label, Fate]] = {
    Label.GOOD: Fate.PUBLISHED,
    Label.CANCELLATION: Fate.PUBLISHED,
    Label.LATE: Fate.PUBLISHED,
    Label.DUPLICATE: Fate.DUPLICATE,
    Label.SUPERSEDED: Fate.SUPERSEDED,
    Label.MALFORMED: Fate.QUARANTINED,
    Label.WRONG_TYPE: Fate.QUARANTINED,
    Label.NULL: Fate.QUARANTINED,
    Label.ABSURD_TIMESTAMP: Fate.QUARANTINED,
}

SHARES: Final[Mapping[Label, float]] = {
    Label.CANCELLATION: 0.02,
    Label.LATE: 0.02,
    Label.DUPLICATE: 0.02,
    Label.SUPERSEDED: 0.005,
    Label.MALFORMED: 0.004,
    Label.WRONG_TYPE: 0.004,
    Label.NULL: 0.004,
    Label.ABSURD_TIMESTAMP: 0.002,
}
"""Share of the source lines that draw each fault."""
RECORDS_A_LINE: Final = 1 + sum(share for label, share in SHARES.items() if label != Label.LATE)

REPEAT_WITHIN_LINES: Final = 5_000
"""A duplicate or superseded record follows its original within this many source lines."""
LATE_WITHIN_LINES: Final = 10_000
"""A late line arrives within this many source lines after the next day's first."""
CANCEL_WITHIN_SECONDS: Final = 2 * SECONDS_A_DAY
"""A cancellation is dated within this time after its sale."""
STRETCH_SECONDS: Final = 100 * 366 * SECONDS_A_DAY
"""More than between any two dates."""

_GOOD, _CANCELLATION, _LATE = (LABELS.index(label) for label in (Label.GOOD, Label.CANCELLATION, Label.LATE))
_REPEATS = [LABELS.index(Label.DUPLICATE), LABELS.index(Label.SUPERSEDED)]


@dataclass(frozen=True)
class Plan:
    """The records of one replay in the order they are sent; columns of one length.

    `line` is an index into the window's lines, `code` into `LABELS`, `time` the event time in seconds,
    `consumed` the number of the window's lines taken so far, `lines` how many the whole plan takes.
    """

    line: Longs
    code: Codes
    time: Longs
    consumed: Longs
    lines: int


def scramble(seed: int, stream: int, index: Longs) -> npt.NDArray[np.uint64]:
    """A hash of seed, stream and index with uniform bits (splitmix64)."""
    mixed = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03) & 0xFFFFFFFFFFFFFFFF
    bits = index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(mixed)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def below(limit: int, seed: int, stream: int, index: Longs) -> Longs:
    """A number in [0, limit) for each index, by hash."""
    return (scramble(seed, stream, index) % np.uint64(limit)).astype(np.int64)


def draw(window: Lines, seed: int, start: int) -> Codes:
    """The fault each line draws, as index into `LABELS`; `good` for most."""
    index = np.arange(start, start + len(window), dtype=np.int64)
    uniform = (scramble(seed, 0, index) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    edges = np.cumsum([SHARES[label] for label in LABELS[1:]])
    codes = ((np.searchsorted(edges, uniform, side="right") + 1) % len(LABELS)).astype(np.int8)
    free = (window.cents <= 0) | (window.quantity <= 0)
    codes[free & (codes == _CANCELLATION)] = _GOOD
    return codes


@dataclass(frozen=True)
class _Clock:
    """Event times, and what they mean where they go back: there another stretch of the replay begins.

    `now` never goes back: all of a later stretch is later. `end` is the number of the line after a line's stretch.
    """

    time: Longs
    now: Longs
    end: Longs

    @property
    def days(self) -> Longs:
        days: Longs = self.now // SECONDS_A_DAY
        return days

    @property
    def room(self) -> Longs:
        """Seconds to the last line of a line's stretch."""
        return self.time[self.end - 1] - self.time


def _clock(time: Longs) -> _Clock:
    stretch = np.cumsum(np.diff(time, prepend=time[:1]) < 0)
    end = np.searchsorted(stretch, stretch, side="right")
    return _Clock(time, time + stretch * STRETCH_SECONDS, end)


def most_lines(rows: int) -> int:
    """How many lines `rows` records are made from, at most, but for a seed in 10,000."""
    return round(rows / RECORDS_A_LINE + math.sqrt(rows))


def plan(window: Lines, seed: int, start: int, rows: int) -> Plan:
    """Exactly `rows` records from the first lines of `window`, whose replay indexes begin at `start`.

    `window` must hold at least `rows` lines.
    """
    codes = draw(window, seed, start)
    taken = _take(codes, rows)
    codes, time = codes[:taken], window.time[:taken]
    clock = _clock(time)
    index = np.arange(taken, dtype=np.int64)
    late_at = _late_positions(codes, clock, below(LATE_WITHIN_LINES, seed, 1, index + start))
    at = np.where(codes == _LATE, late_at, index)
    extra = index[(codes != _GOOD) & (codes != _LATE)]
    delay = np.where(codes[extra] == _CANCELLATION, _cancel_delays(seed, start, extra, clock), 0)
    extra_at = _extra_positions(codes[extra], extra, clock.now[extra] + delay, clock, seed, start)
    rank = np.concatenate([np.where(codes == _LATE, 1, 0), np.ones(len(extra), np.int64)])
    order = np.argsort(np.concatenate([at, extra_at]) * 2 + rank, kind="stable")
    line = np.concatenate([index, extra])[order]
    first = np.where(codes == _LATE, codes, _GOOD)
    return Plan(
        line=line,
        code=np.concatenate([first, codes[extra]])[order].astype(np.int8),
        time=np.concatenate([time, time[extra] + delay])[order],
        consumed=np.maximum.accumulate(line) + 1 if len(line) else line,
        lines=taken,
    )


def _take(codes: Codes, rows: int) -> int:
    """How many lines make `rows` records; a last fault whose extra record is too much is taken off."""
    total = np.cumsum(1 + ((codes != _GOOD) & (codes != _LATE)))
    taken = int(np.searchsorted(total, rows, side="right"))
    if taken < len(codes) and (total[taken - 1] if taken else 0) < rows:
        codes[taken] = _GOOD
        taken += 1
    return taken


def _late_positions(codes: Codes, clock: _Clock, jitter: Longs) -> Longs:
    """Where late lines are sent: after the first line of a later day of their stretch; without one they become good.

    The first line of a day is never late: it is the later record that the others wait for.
    """
    days, count = clock.days, len(codes)
    later = np.searchsorted(days, days, side="right")
    first = np.ones(count, dtype=bool)
    first[1:] = days[1:] > days[:-1]
    codes[(codes == _LATE) & (first | (later >= clock.end))] = _GOOD
    positions: Longs = np.minimum(later + jitter, max(count - 1, 0))
    return positions


def _cancel_delays(seed: int, start: int, extra: Longs, clock: _Clock) -> Longs:
    wanted = 60 + below(CANCEL_WITHIN_SECONDS, seed, 2, extra + start)
    delays: Longs = np.maximum(np.minimum(wanted, clock.room[extra]), 1)
    return delays


def _extra_positions(codes: Codes, extra: Longs, now: Longs, clock: _Clock, seed: int, start: int) -> Longs:
    repeat = extra + 1 + below(REPEAT_WITHIN_LINES, seed, 3, extra + start)
    cancelled = np.searchsorted(clock.now, now, side="right") - 1
    at = np.where(np.isin(codes, _REPEATS), repeat, extra)
    at = np.where(codes == _CANCELLATION, np.maximum(cancelled, extra), at)
    within: Longs = np.minimum(at, max(len(clock.now) - 1, 0))
    return within
