"""Narrowing: a batch that fails the same way twice is halved until the single records are found that make it fail.

Nothing is written meanwhile. A fault of the code or of a service fails on too many records, or on none alone: then
nothing is set aside and the error is raised as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import TypeVar

from pyspark.errors import AnalysisException, PySparkException
from pyspark.errors.exceptions.connect import SparkConnectGrpcException

from lakehouse_assets.engine.history.position import Slice, without
from lakehouse_assets.errors import ContractError

MOST_TRIES = 400
"""Of one search, whatever it finds."""
_OF_SERVICES = (
    *("S3Exception", "SdkClientException", "SdkException", "Connection refused", "ConnectException", "UnknownHost"),
    *("SocketTimeout", "TimeoutException", "OutOfMemoryError", "No space left", "ExecutorLost", "FetchFailed"),
    *(
        "FileNotFoundException",
        "NoSuchFile",
        "DATA_LOSS",
        "DELTA_",
        "OPERATION_CANCELED",
        "INVALID_HANDLE",
        "UNAVAILABLE",
    ),
)
"""Words in the message of an error that no single record can cause."""

_JAVA = re.compile(r"\b(java|scala|org)\.\w+\.")
"""An exception of Java's: without one it is the connection that broke."""

T = TypeVar("T")
R = TypeVar("R")
Halve = Callable[[Sequence[T]], tuple[Sequence[T], Sequence[T]] | None]
"""Two halves of some parts; None for what cannot be halved."""


@dataclass(frozen=True)
class Failing:
    """One record that makes a batch fail, or one file where files are taken whole."""

    part: Slice
    error: str
    """The condition, such as CAST_INVALID_INPUT, or the class of the error; quotes no value."""


class TooManyFailError(ContractError):
    """More records make the code fail than may be set aside."""


def evaluated(
    attempt: Callable[[Sequence[Slice]], R],
    slices: Sequence[Slice],
    halve: Halve[Slice],
    most: int,
    where: str,
) -> tuple[R, tuple[Failing, ...]]:
    """What `attempt` yields for all slices but the records that make it fail, and those, at most `most`.

    Raises:
        TooManyFailError: there are more.
        PySparkException: it fails for another reason than a record.
    """
    for again in (False, True):
        try:
            return attempt(slices), ()
        except PySparkException as error:
            if not may_be_a_record(error):
                raise
            if again:
                found = tuple(_failing(attempt, slices, halve, most, where))
                if not found:
                    raise
    return attempt(without(slices, [each.part for each in found])), found


def _failing(
    attempt: Callable[[Sequence[Slice]], object],
    slices: Sequence[Slice],
    halve: Halve[Slice],
    most: int,
    where: str,
) -> Iterator[Failing]:
    for number, (alone, error) in enumerate(search(fails(attempt), slices, halve)):
        part = next(each for each in alone if len(each))
        if number >= most:
            raise TooManyFailError(
                f"more than {most} records of a batch make it fail, partition {part.partition} offset {part.start}"
                f" among them ({error}); nothing was set aside",
                where=where,
                do=f"Mend its code; or raise LAKEHOUSE_MOST_FAILING_RECORDS and run `lakehouse accept {where} --retry`",
            )
        yield Failing(part, error)


def fails(attempt: Callable[[Sequence[T]], object]) -> Callable[[Sequence[T]], str]:
    """Tells how an attempt fails by a record; empty where it passes.

    Raises:
        PySparkException: it fails for another reason than a record.
    """

    def tried(parts: Sequence[T]) -> str:
        try:
            attempt(parts)
        except PySparkException as error:
            if not may_be_a_record(error):
                raise
            return named(error)
        return ""

    return tried


def search(
    fails: Callable[[Sequence[T]], str], parts: Sequence[T], halve: Halve[T]
) -> Iterator[tuple[Sequence[T], str]]:
    """Each smallest part that fails alone, and how, of parts that fail together, after `MOST_TRIES` at most."""
    tries = count()

    def tried(part: Sequence[T]) -> str:
        return fails(part) if next(tries) < MOST_TRIES else ""

    pending = [parts]
    while pending:
        alone, others = _descend(tried, pending.pop(), halve)
        pending += others
        if error := tried(alone):
            yield alone, error
        if not pending or not tried([*chain.from_iterable(pending)]):
            return
        while pending and not tried(pending[-1]):
            pending.pop()


def _descend(
    fails: Callable[[Sequence[T]], str], part: Sequence[T], halve: Halve[T]
) -> tuple[Sequence[T], list[Sequence[T]]]:
    """From a part that fails to a smallest one in it, and what was left undecided on the way.

    Where the first half passes, the second one is to blame.
    """
    undecided: list[Sequence[T]] = []
    while (halves := halve(part)) is not None:
        left, right = halves
        part = left if fails(left) else right
        undecided += [right] if part is left else []
    return part, undecided


def may_be_a_record(error: PySparkException) -> bool:
    """Whether a single record can have caused it: not an error of the plan, the connection or a service.

    Records are evaluated by the server: what the client says of itself, such as that its session is gone, is none.
    """
    said = str(error)
    if not isinstance(error, SparkConnectGrpcException) or isinstance(error, AnalysisException):
        return False
    if type(error) is SparkConnectGrpcException and not _JAVA.search(said):
        return False
    return not any(word in said for word in _OF_SERVICES)


def named(error: PySparkException) -> str:
    """The error's condition or class, without the values that its message quotes."""
    return error.getCondition() or type(error).__name__
