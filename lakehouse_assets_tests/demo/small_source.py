"""A small made-up source, and a topic that lives in memory."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from lakehouse_assets.demo import faults, transactions
from lakehouse_assets.demo.messages import Message, messages
from lakehouse_assets.demo.transactions import Lines

PARTITIONS = 4


@dataclass(frozen=True)
class Landed:
    """A message as the broker keeps it, and its manifest line read back (prices as Decimal)."""

    partition: int
    offset: int
    message: Message
    line: dict[str, Any]

    @property
    def label(self) -> str:
        """What the record is."""
        return str(self.line["label"])


def source(days: int = 6, lines_a_day: int = 500) -> Lines:
    """`days` x `lines_a_day` lines, two a basket, with some zero prices and quantities and unknown
    products."""
    count = days * lines_a_day
    row = pd.Series(range(count))
    seconds = row * (days * 86_400 // count)
    frame = pd.DataFrame(
        {
            "transaction_timestamp": pd.Timestamp("2017-01-01") + pd.to_timedelta(seconds, unit="s"),
            "basket_id": 31_000_000_000 + row // 2,
            "product_id": 100 + row % 50,
            "sales_value": (row * 37 % 2000) / 100,
            "quantity": row % 7,
            "household_id": row % 90,
            "store_id": 300 + row % 4,
        }
    )
    products = pd.DataFrame({"product_id": range(100, 140)})
    products["product_type"] = [f'{number}" PAN, NON-STICK' for number in range(40)]
    products["department"] = "KITCHEN"
    return transactions.from_frames(frame, products)


def replay(lines: Lines, rows: int, seed: int = 7, start: int = 0) -> tuple[faults.Plan, list[Message]]:
    """The plan and messages of a replay."""
    window = lines.window(start, rows)
    plan = faults.plan(window, seed, start, rows)
    return plan, list(messages(window, plan, seed, start))


def land(stream: Iterable[Message]) -> list[Landed]:
    """The messages on a topic that partitions by key."""
    next_offset: dict[int, int] = defaultdict(int)
    landed = []
    for message in stream:
        partition = zlib.crc32(message.key) % PARTITIONS
        offset = next_offset[partition]
        next_offset[partition] += 1
        text = f'{{"partition": {partition}, "offset": {offset}, {message.entry}'
        landed.append(Landed(partition, offset, message, json.loads(text, parse_float=Decimal)))
    return landed


def manifest_text(landed: Iterable[Landed]) -> str:
    """The manifest of these records."""
    return "".join(
        f'{{"partition": {record.partition}, "offset": {record.offset}, {record.message.entry}\n' for record in landed
    )
