"""What is sent: sales of one topic as JSON records, made by number, and the demo's real lines."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from lakehouse_assets.demo import faults, transactions
from lakehouse_assets.demo.messages import messages

PRODUCTS, CUSTOMERS = 5_000, 2_000
REPEATED_EVERY = 50
"""Each n-th record repeats an earlier one, as a producer that tries again does."""
SEED = 7


class Message(NamedTuple):
    """A record to send; `timestamp` in milliseconds."""

    key: bytes
    value: bytes
    timestamp: int


@dataclass(frozen=True)
class Sale:
    """One line of a receipt."""

    number: int
    day: date
    product: int
    customer: int
    cents: int
    quantity: int

    @property
    def at(self) -> datetime:
        """When it happened: within the day, by its number."""
        return datetime.combine(self.day, datetime.min.time(), UTC) + timedelta(seconds=self.number % 86_400)

    def message(self) -> Message:
        """As its producer sends it."""
        fields = {
            "TransactionNo": str(self.number),
            "Date": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ProductNo": f"P{self.product}",
            "ProductName": "something",
            "Price": 0.0,
            "Quantity": self.quantity,
            "CustomerNo": self.customer,
            "Country": "United States",
        }
        price = f"{Decimal(self.cents) / 100:.2f}"
        text = json.dumps(fields).replace('"Price": 0.0', f'"Price": {price}')
        return Message(b"%d" % self.number, text.encode(), int(self.at.timestamp() * 1000))


@dataclass
class Till:
    """Makes sales without end: the same seed, the same sales."""

    days: Sequence[date]
    seed: int = SEED
    sold: list[Sale] = field(default_factory=list)

    def sell(self, count: int) -> list[Sale]:
        """The next sales, those among them that repeat an earlier one included."""
        new = []
        for _ in range(count):
            number = len(self.sold)
            draw = random.Random(self.seed * 1_000_003 + number)
            repeats = number and number % REPEATED_EVERY == 0
            sale = self.sold[draw.randrange(number)] if repeats else self._made(number, draw)
            self.sold.append(sale)
            new.append(sale)
        return new

    def _made(self, number: int, draw: random.Random) -> Sale:
        day = self.days[number % len(self.days)]
        return Sale(
            number,
            day,
            draw.randrange(PRODUCTS),
            draw.randrange(CUSTOMERS),
            draw.randrange(1, 10_000),
            draw.randrange(1, 9),
        )


def real(every: int) -> Iterator[Message]:
    """The demo's real lines with its faults, every n-th of them."""
    import numpy as np

    whole = transactions.load()
    lines = whole.taken(np.arange(0, len(whole), every))
    plan = faults.plan(lines.window(0, len(lines)), SEED, 0, len(lines))
    for each in messages(lines.window(0, len(lines)), plan, SEED, 0):
        yield Message(each.key, each.value, each.timestamp)
