"""Lines of receipts as silver holds them, for tests of what gold makes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

MARCH_1, MARCH_2 = date(2017, 3, 1), date(2017, 3, 2)


def line(receipt: str, product: str, price: str, *, day: date = MARCH_1, hour: int = 9, **other: Any) -> dict[str, Any]:
    """One row of silver; a receipt that starts with C is a cancellation."""
    fields = {
        "TransactionNo": receipt,
        "ProductNo": product,
        "Price": Decimal(price),
        "Quantity": 1,
        "CustomerNo": 7,
        "event_date": day,
        "event_time": datetime(day.year, day.month, day.day, hour, tzinfo=UTC),
        "is_cancellation": receipt.startswith("C"),
    }
    return fields | other
