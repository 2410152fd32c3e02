"""The tables a right lakehouse would hold after some records, built in plain Python, to be spoiled on
purpose."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
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
    silver = lake.rows["silver/sales/transactions"]
    lake.rows["gold/sales/daily_revenue"] = [_day(rows) for rows in _grouped(silver)]
    lake.rows["gold/sales/product_performance"] = [_product(rows) for rows in _grouped(silver, "ProductNo")]
    lake.rows["gold/sales/customer_days"] = [_customer(rows) for rows in _grouped(silver, "CustomerNo")]
    return lake


def _land(lake: TinyLake, record: Landed) -> None:
    coordinate = {"topic_id": TOPIC_ID, "partition": record.partition, "offset": record.offset}
    if record.label == "absurd_timestamp":
        lake.rows["bronze/sales/transactions_quarantine"].append({**coordinate, "reasons": ["calendar"]})
        return
    day = date.fromisoformat(record.line["event_date"])
    lake.rows["bronze/sales/transactions"].append({**coordinate, "value": record.message.value, "event_date": day})
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
    named = {name: value[name] for name in ("TransactionNo", "ProductNo", "Price", "Quantity", "CustomerNo")}
    cancelled = value["TransactionNo"].startswith("C")
    silver.append(
        {
            **coordinate,
            **named,
            "event_date": day,
            "event_time": datetime.fromisoformat(value["Date"]),
            "is_cancellation": cancelled,
            "content_hash": content,
            "losers": [],
        }
    )


def _grouped(silver: list[Row], *by: str) -> Iterable[list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in silver:
        groups[tuple(row[name] for name in ("event_date", *by))].append(row)
    return groups.values()


def _day(rows: list[Row]) -> Row:
    return _sums(rows) | {"customers": len({row["CustomerNo"] for row in rows} - {None})}


def _product(rows: list[Row]) -> Row:
    return _sums(rows) | {"ProductNo": rows[0]["ProductNo"]}


def _customer(rows: list[Row]) -> Row:
    sums = _sums(rows)
    return {
        "event_date": sums["event_date"],
        "CustomerNo": rows[0]["CustomerNo"],
        "orders": sums["transactions"],
        "revenue": sums["revenue"],
        "last_purchase": max((row["event_time"] for row in rows if not row["is_cancellation"]), default=None),
        "lines": len(rows),
    }


def _sums(rows: list[Row]) -> Row:
    sold = [row for row in rows if not row["is_cancellation"]]
    revenue, sales = (sum((row["Price"] for row in some), Decimal("0.00")) for some in (rows, sold))
    return {
        "event_date": rows[0]["event_date"],
        "revenue": revenue,
        "sales": sales,
        "cancelled": revenue - sales,
        "transactions": len({row["TransactionNo"] for row in sold}),
        "lines": len(rows),
        "units": sum(row["Quantity"] for row in rows),
    }
