"""What silver and gold must hold for given records, in plain Python: imports nothing of the package."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

Coordinate = tuple[int, int]


class Sent(NamedTuple):
    """One record on the topic; `fields` is None for one that silver must set aside."""

    at: Coordinate
    fields: Mapping[str, Any] | None


class Event(NamedTuple):
    """One row of silver: where the winner lies, its price, and the records it beat."""

    winner: Coordinate
    price: Decimal
    duplicates: frozenset[Coordinate]
    superseded: frozenset[Coordinate]


def silver(records: Sequence[Sent]) -> dict[tuple[str, str, str], Event]:
    """By receipt, product and day: the lowest coordinate wins, equal content is a duplicate."""
    groups: dict[tuple[str, str, str], list[Sent]] = defaultdict(list)
    for record in records:
        if record.fields is not None:
            names = ("TransactionNo", "ProductNo", "Date")
            groups[tuple(record.fields[name] for name in names)].append(record)
    return {grain: _event(sorted(group, key=lambda record: record.at)) for grain, group in groups.items()}


def _event(group: Sequence[Sent]) -> Event:
    first, *rest = group
    same = frozenset(record.at for record in rest if record.fields == first.fields)
    return Event(first.at, _money(first), same, frozenset(record.at for record in rest) - same)


def _money(record: Sent) -> Decimal:
    return Decimal(str(record.fields["Price"])).quantize(Decimal("0.01"))


def revenue(records: Sequence[Sent]) -> dict[str, tuple[Decimal, int]]:
    """By day: the sum of the winners' prices and how many they are."""
    days: dict[str, list[Decimal]] = defaultdict(list)
    for (_, _, day), event in silver(records).items():
        days[day].append(event.price)
    return {day: (sum(prices, Decimal(0)), len(prices)) for day, prices in days.items()}
