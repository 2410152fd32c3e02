"""The tables a right lakehouse would hold after some records, built in plain Python, to be spoiled on
purpose."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from lakehouse_assets_tests.demo.small_source import Landed
from lakehouse_assets_tests.oracle.reading import SOURCES

Row = dict[str, Any]
TOPIC_ID = "tiny"
QUARANTINED = ("malformed", "wrong_type", "null")


@dataclass
class TinyLake:
    """Rows by asset key; change them, then `write`."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {key: [] for key in SOURCES})

    def write(self, folder: Path) -> dict[str, str]:
        """Write each table as Delta; the addresses by asset key."""
        for key, source in SOURCES.items():
            table = pa.Table.from_pylist(self.rows[key], schema=pa.schema(list(source.columns.items())))
            write_deltalake(str(folder / key), table)
        return {key: str(folder / key) for key in SOURCES}


def build(landed: Iterable[Landed]) -> TinyLake:
    """The tables after these records."""
    lake = TinyLake()
    for record in landed:
        _land(lake, record)
    lake.rows["gold/sales/daily_revenue"] = _gold(lake.rows["silver/sales/transactions"])
    return lake


def _land(lake: TinyLake, record: Landed) -> None:
    coordinate = {"topic_id": TOPIC_ID, "partition": record.partition, "offset": record.offset}
    if record.label == "absurd_timestamp":
        lake.rows["bronze/sales/transactions_quarantine"].append({**coordinate, "reasons": ["calendar"]})
        return
    day = date.fromisoformat(record.line["event_date"])
    lake.rows["bronze/sales/transactions"].append({**coordinate, "event_date": day})
    if record.label in QUARANTINED:
        lake.rows["silver/sales/transactions_quarantine"].append({**coordinate, "reasons": ["contract"]})
    else:
        _merge(lake.rows["silver/sales/transactions"], coordinate, record, day)


def _merge(silver: list[Row], coordinate: Row, record: Landed, day: date) -> None:
    value = json.loads(record.message.value, parse_float=Decimal)
    content = hashlib.sha256(record.message.value).hexdigest()
    for row in silver:
        if (row["TransactionNo"], row["ProductNo"], row["event_date"]) == (
            value["TransactionNo"],
            value["ProductNo"],
            day,
        ):
            row["losers"].append({**coordinate, "content_hash": content})
            return
    named = {name: value[name] for name in ("TransactionNo", "ProductNo", "Price", "Quantity")}
    cancelled = value["TransactionNo"].startswith("C")
    silver.append(
        {
            **coordinate,
            **named,
            "event_date": day,
            "is_cancellation": cancelled,
            "content_hash": content,
            "losers": [],
        }
    )


def _gold(silver: list[Row]) -> list[Row]:
    days: dict[date, list[Row]] = defaultdict(list)
    for row in silver:
        days[row["event_date"]].append(row)
    return [_day(day, rows) for day, rows in days.items()]


def _day(day: date, rows: list[Row]) -> Row:
    sales = sum((row["Price"] for row in rows if not row["is_cancellation"]), Decimal("0.00"))
    cancelled = sum((row["Price"] for row in rows if row["is_cancellation"]), Decimal("0.00"))
    return {
        "event_date": day,
        "revenue": sales + cancelled,
        "sales": sales,
        "cancelled": cancelled,
        "transactions": len({row["TransactionNo"] for row in rows}),
        "lines": len(rows),
        "units": sum(row["Quantity"] for row in rows),
        "customers": 1,
    }
