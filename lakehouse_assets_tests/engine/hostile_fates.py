"""What has to become of hostile messages, by plain Python from what was sent: no table and no engine is asked."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from lakehouse_assets_tests.engine.hostile_messages import MOST_MS, Message
from lakehouse_assets_tests.engine.hostile_records import Row, expected
from lakehouse_assets_tests.oracle.stock import Coordinate

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000
MOST_SUMMED = Decimal(10**15)
"""Amounts below are summed."""
_FIELD = "(id|text|money|count|big|ratio|flag|at)"
KINDS = [
    r"value: not a JSON object",
    r"value: not a JSON object within 999 levels and 1000 characters a number and 50000 a name",
    r"value: not UTF-8: line \d+, byte \d+",
    r"value: more after the JSON object",
    r"value: five bytes of a schema registry before the JSON object",
    rf"{_FIELD}: given twice",
    rf"{_FIELD}: not an? (string|decimal\(38,18\)|int|bigint|double|boolean|timestamp): .+",
    r"id: (absent|not null)",
    r"event_date: (before|after) the calendar's (first|last) day \d{4}-\d\d-\d\d",
    r"timestamp: -?\d+ ms is no time that a date has; are these nanoseconds\?",
]
"""Every way in which a reason may speak."""
MOST_REASON_CHARACTERS = 200


@dataclass(frozen=True)
class Fates:
    """Where each message has to be."""

    winners: Mapping[Coordinate, tuple[date, Row]]
    losers: Mapping[Coordinate, frozenset[Coordinate]]
    """Of each winner."""
    late: frozenset[Coordinate]
    """Good records of a day that is not in the calendar, or of none."""
    bad: frozenset[Coordinate]


def fates(sent: Mapping[Coordinate, Message], first: date, last: date) -> Fates:
    """By the calendar's first and last day."""
    grains: dict[tuple[str, int], list[Coordinate]] = {}
    rows = {at: row for at, message in sent.items() if (row := expected(message.value)) is not None}
    late = set()
    for at, row in rows.items():
        day = _day(sent[at], row)
        if day is not None and _number(first) <= day <= _number(last):
            grains.setdefault((row["id"], day), []).append(at)
        else:
            late.add(at)
    winners = {min(of): (EPOCH.date() + timedelta(day), rows[min(of)]) for (_, day), of in grains.items()}
    losers = {min(of): frozenset(of) - {min(of)} for of in grains.values()}
    return Fates(winners, losers, frozenset(late), frozenset(sent.keys() - rows.keys()))


def _number(day: date) -> int:
    return (day - EPOCH.date()).days


def _day(message: Message, row: Row) -> int | None:
    """Days since 1970; a date of Python's ends with the year 9999."""
    if abs(message.millis) > MOST_MS:
        return None
    return _number(row["at"].date()) if row["at"] else message.millis // DAY_MS


def answers(found: Fates) -> list[dict[str, Any]]:
    """The rows of the day's answers, in order of days."""
    days: dict[date, list[Row]] = {}
    for day, row in found.winners.values():
        days.setdefault(day, []).append(row)
    return [_answer(day, days[day]) for day in sorted(days)]


def _answer(day: date, rows: list[Row]) -> dict[str, Any]:
    texts = [row["text"] for row in rows if row["text"] is not None]
    with localcontext(prec=38):
        money = sum((row["money"] for row in rows if row["money"] and abs(row["money"]) < MOST_SUMMED), Decimal(0))
    return {
        "event_date": day,
        "lines": len(rows),
        "money": money,
        "flags": sum(1 for row in rows if row["flag"]),
        "most": max((row["big"] for row in rows if row["big"] is not None), default=None),
        "ratio": max((row["ratio"] for row in rows if row["ratio"] is not None), default=None),
        "characters": sum(map(len, texts)),
        "checksum": sum(zlib.crc32((row["id"] + "|" + (row["text"] or "")).encode()) for row in rows),
    }


def unexplained(reasons: Mapping[Coordinate, list[str]]) -> dict[Coordinate, list[str]]:
    """Reasons that nobody would understand: long, not to be printed, or of no kind that is known."""
    kinds = re.compile("|".join(KINDS))
    return {
        at: given
        for at, given in reasons.items()
        if not given or not all(len(each) <= MOST_REASON_CHARACTERS and _is_clear(kinds, each) for each in given)
    }


def _is_clear(kinds: re.Pattern[str], reason: str) -> bool:
    return reason.isprintable() and kinds.fullmatch(reason) is not None
