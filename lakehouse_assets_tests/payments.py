"""Payments and refunds of docs/tables.md: what is sent, and what plain Python makes of it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from lakehouse_assets.access import topics
from lakehouse_assets.settings import Settings

METHODS = ("card", "cash")
DAYS = [date(2026, 1, 20) + timedelta(days=each) for each in range(0, 30, 3)]
"""Over two months, some within a week of each other."""
Row = dict[str, Any]


@dataclass
class Payments:
    """Two topics, and what was sent to them; every tenth or so is sent twice, is no record, or breaks a rule."""

    settings: Settings
    domain: str
    random: Random = field(default_factory=lambda: Random(7))
    paid: list[Row] = field(default_factory=list)
    refunded: list[Row] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    """How many records, good or bad, by topic."""

    def create(self) -> Payments:
        for name in ("payments", "refunds"):
            topics.create(self.settings, f"{self.domain}.{name}", 1, replication=1, retention_ms=-1)
        return self

    def pay(self, number: int = 20) -> Payments:
        """So many payments."""
        sent = [self._payment(len(self.paid) + each) for each in range(number)]
        self.paid += sent
        records = [
            {"PaymentNo": each["No"], "PaidAt": f"{each['at']:%FT%TZ}", "Amount": float(each["Amount"])}
            | {"Method": each["Method"]}
            for each in sent
        ]
        self._send("payments", records, records[0] | {"Amount": 0}, records[0] | {"Amount": -1, "Method": "shells"})
        return self

    def refund(self, number: int = 10) -> Payments:
        """So many refunds, some on days without a payment."""
        sent = [self._refund(len(self.refunded) + each) for each in range(number)]
        self.refunded += sent
        records = [
            {"RefundNo": each["No"], "RefundedAt": f"{each['at']:%FT%TZ}", "Amount": float(each["Amount"])}
            for each in sent
        ]
        self._send("refunds", records, records[0] | {"Amount": "much"})
        return self

    def _payment(self, number: int) -> Row:
        at = datetime.combine(self.random.choice(DAYS), datetime.min.time()) + timedelta(minutes=number % 1440)
        return {"No": str(number), "at": at, "Method": self.random.choice(METHODS), "Amount": self._amount(2000)}

    def _refund(self, number: int) -> Row:
        day = self.random.choice(DAYS) + timedelta(days=self.random.randrange(2))
        return {"No": str(number), "at": datetime.combine(day, datetime.min.time()), "Amount": self._amount(500)}

    def _amount(self, most: int) -> Decimal:
        return Decimal(self.random.randrange(25, most, 25)) / 100

    def _send(self, name: str, records: list[Row], *bad: Row) -> None:
        lines = [*records, records[-1], *bad]
        given = [*(json.dumps(each).encode() for each in lines), b"never readable"]
        topics.send(self.settings, f"{self.domain}.{name}", given, None)
        self.sent[f"{self.domain}.{name}"] += len(given)

    # what plain Python makes of them

    def movements(self) -> list[Row]:
        kinds = (("paid", self.paid), ("refunded", self.refunded))
        return _sorted({"No": each["No"], "kind": kind, "Amount": each["Amount"]} for kind, of in kinds for each in of)

    def daily_payments(self) -> list[Row]:
        found: dict[tuple[date, str], list[Decimal]] = defaultdict(list)
        for each in self.paid:
            found[each["at"].date(), each["Method"]].append(each["Amount"])
        return _sorted(
            {"event_date": day, "Method": method, "amount": sum(amounts), "payments": len(amounts)}
            for (day, method), amounts in found.items()
        )

    def daily_balance(self) -> list[Row]:
        found: Counter[date] = Counter()
        for sign, of in ((1, self.paid), (-1, self.refunded)):
            for each in of:
                found[each["at"].date()] += sign * each["Amount"]
        return _sorted({"event_date": day, "amount": amount} for day, amount in found.items())

    def monthly_payments(self) -> list[Row]:
        found = Counter(each["at"].date().replace(day=1) for each in self.paid)
        return _sorted({"event_month": month, "payments": number} for month, number in found.items())

    def week_to_date(self) -> list[Row]:
        found = Counter(each["at"].date() + timedelta(days=later) for each in self.paid for later in range(7))
        return _sorted({"event_date": day, "payments": number} for day, number in found.items())

    def labelled_payments(self, labels: dict[str, str], days: set[date]) -> list[Row]:
        """With names on some days, without on others."""
        found: Counter[tuple[date, str]] = Counter()
        for each in self.paid:
            day = each["at"].date()
            label = labels.get(each["Method"], "unknown") if day in days else "unknown"
            found[day, label] += each["Amount"]
        return _sorted({"event_date": day, "Label": label, "amount": sums} for (day, label), sums in found.items())

    def refund_rate(self) -> list[Row]:
        paid, back = (self._by_day(of) for of in (self.paid, self.refunded))
        return _sorted({"event_date": day, "rate": float(back[day] / paid[day])} for day in paid)

    def days(self) -> set[date]:
        """On which something was paid."""
        return {*self._by_day(self.paid)}

    @staticmethod
    def _by_day(rows: list[Row]) -> dict[date, Decimal]:
        found: dict[date, Decimal] = defaultdict(Decimal)
        for each in rows:
            found[each["at"].date()] += each["Amount"]
        return found


def _sorted(rows: Iterator[Row]) -> list[Row]:
    return sorted(rows, key=repr)
