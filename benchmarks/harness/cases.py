"""The words of a benchmark: a workload has cases, a case is measured for each contender, round by round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

OURS = "ours"
STREAMING = "streaming"
STREAMING_ARROW = "streaming-arrow"
SESSIONS = "sessions"
DAGSTER_DELTA = "dagster-delta"
ONE_JOB = "one job"

SECONDS = "s"
ROWS_A_SECOND = "rows/s"
RATIO = "x"


class WrongResultError(Exception):
    """A contender's tables are not what they must be: it has no time."""


@dataclass(frozen=True)
class Sample:
    """What a contender showed in one round: values of one unit, or why they do not count."""

    case: str
    contender: str
    round: int
    unit: str
    values: tuple[float, ...]
    wrong: str = ""


@dataclass(frozen=True)
class Measured:
    """Values of one unit; `case` and `contender` where they are not those that were asked for."""

    unit: str
    values: Sequence[float]
    case: str = ""
    contender: str = ""


@dataclass(frozen=True)
class Case:
    """One thing that is measured."""

    name: str
    contenders: tuple[str, ...]
    measure: Callable[[str, int], Sequence[Measured]]
    """From a contender's name and a round's number. Raises WrongResultError before any value counts."""
    most_rounds: int | None = None
    """Of what is long in itself and compares nobody; None: as many as are asked for."""


@dataclass(frozen=True)
class Limit:
    """A bound on a statistic."""

    statistic: Literal["median", "p95"]
    sign: Literal["<=", ">="]
    value: float

    def holds(self, found: float) -> bool:
        """Whether a value is within it."""
        return found <= self.value if self.sign == "<=" else found >= self.value

    def text(self, unit: str) -> str:
        """`median <= 2.0 s`."""
        return f"{self.statistic} {self.sign} {self.value:g} {unit}"


@dataclass(frozen=True)
class Goal:
    """What a contender must reach in a case."""

    case: str
    limits: tuple[Limit, ...]
    contender: str = OURS


Side = tuple[str, str]
"""A case and a contender."""


@dataclass(frozen=True)
class Ratio:
    """Medians of one side by those of another, round by round."""

    name: str
    of: Side
    to: Side
    limit: Limit | None = None


@dataclass(frozen=True)
class Workload:
    """W1 to W8."""

    name: str
    title: str
    cases: tuple[Case, ...]
    goals: tuple[Goal, ...] = ()
    ratios: tuple[Ratio, ...] = ()
