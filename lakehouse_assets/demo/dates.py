"""The dates and the order in which the real lines are replayed: as recorded, or so that the year ends yesterday.

Retail lives by the week, so dates move by whole weeks only and each line keeps its weekday: the newest day is yesterday
or one of the six days before it. A first replay takes the last lines of the year. What follows goes back a stretch at a
time: the days that tables hold lie together, and none is ever in the future.

The first replay decides, and each record carries it as a header: with other dates a record would be another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

STRETCH_LINES: Final = 28_000
"""About a week of the real lines."""
PASS_DAYS: Final = 364
"""How far apart two passes over the lines are dated: the same weekday."""


@dataclass(frozen=True)
class Dates:
    """Dates moved by `weeks`; the last `first` lines are replayed first; 0 keeps their order."""

    weeks: int = 0
    first: int = 0

    @property
    def days(self) -> int:
        """How many days all dates are moved by."""
        return self.weeks * 7

    @property
    def pass_days(self) -> int:
        """Days from one pass over the lines to the next: backwards where the first one ends yesterday."""
        return -PASS_DAYS if self.first else PASS_DAYS

    def order(self, count: int) -> npt.NDArray[np.int64]:
        """The rows of `count` lines, each once, in the order of their replay."""
        ends = [count, *range(count - self.first, 0, -STRETCH_LINES)] if self.first else [count]
        pieces = [np.arange(start, end, dtype=np.int64) for start, end in zip([*ends[1:], 0], ends, strict=True)]
        return np.concatenate(pieces)

    def text(self) -> str:
        """For a record's header.

        >>> Dates(464, 18_900).text()
        '464:18900'
        """
        return f"{self.weeks}:{self.first}"


ORIGINAL: Final = Dates()
"""As recorded, from the first line on."""


def parse(text: str) -> Dates:
    """The dates that a header says; as recorded where it says none, as in topics of older releases."""
    weeks, colon, first = text.partition(":")
    return Dates(int(weeks), int(first)) if colon else ORIGINAL


def recent(newest_seconds: int, today: date, first: int) -> Dates:
    """Dates that put the newest line, of `newest_seconds` since 1970 UTC, on the last such weekday before `today`."""
    newest = datetime.fromtimestamp(newest_seconds, UTC).date()
    yesterday = today - timedelta(days=1)
    return Dates((yesterday - newest).days // 7, first)
