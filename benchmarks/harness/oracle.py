"""The oracle: what gold must hold, in plain Python over what was produced; DuckDB compares, delta-rs reads the tables.

Imports nothing of the package: only the tests' own statement of what each answer is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import duckdb
import pyarrow as pa

from benchmarks.harness.cases import WrongResultError
from lakehouse_assets_tests.oracle.gold import ANSWERS, comparisons

FIRST_DAY = date(2015, 1, 1)
SHOWN = 3
FACTS = pa.schema(
    {
        "event_date": pa.date32(),
        "TransactionNo": pa.string(),
        "ProductNo": pa.string(),
        "Price": pa.decimal128(18, 2),
        "Quantity": pa.int32(),
        "CustomerNo": pa.int64(),
        "event_time": pa.timestamp("us", "UTC"),
        "is_cancellation": pa.bool_(),
    }
)
"""One row per transaction, product and day."""


class Record(Protocol):
    """A record where the broker has it."""

    @property
    def partition(self) -> int:
        """Its partition."""

    @property
    def offset(self) -> int:
        """Its offset."""

    @property
    def value(self) -> bytes:
        """Its JSON."""


def facts(records: Iterable[Record], today: date | None = None) -> pa.Table:
    """The rows that count, see `FACTS`: of a grain the record with the lowest coordinate, and none that is broken."""
    last = (today or datetime.now(UTC).date()) + timedelta(days=1)
    winners: dict[tuple[Any, ...], dict[str, Any]] = {}
    for each in sorted(records, key=lambda record: (record.partition, record.offset)):
        row = fact(each.value)
        if row is not None and FIRST_DAY <= row["event_date"] <= last:
            winners.setdefault((row["TransactionNo"], row["ProductNo"], row["event_date"]), row)
    return pa.Table.from_pylist([*winners.values()], FACTS)


def fact(value: bytes) -> dict[str, Any] | None:
    """One record's row; None where it is no sale."""
    try:
        said = json.loads(value, parse_float=Decimal)
        price, moment = Decimal(said["Price"]), datetime.fromisoformat(said["Date"])
    except (ValueError, KeyError, TypeError, ArithmeticError):
        return None
    texts = isinstance(said["TransactionNo"], str) and isinstance(said["ProductNo"], str)
    numbers = isinstance(said["Price"], Decimal | int) and isinstance(said["Quantity"], int)
    if not (texts and numbers and isinstance(said["CustomerNo"], int | None)):
        return None
    at = moment.astimezone(UTC)
    return {
        "event_date": at.date(),
        "event_time": at,
        "Price": price.quantize(Decimal("0.01")),
        "is_cancellation": said["TransactionNo"].startswith("C"),
        **{name: said[name] for name in ("TransactionNo", "ProductNo", "Quantity", "CustomerNo")},
    }


def check(expected: pa.Table, gold: Mapping[str, pa.Table], days: Collection[date] = ()) -> None:
    """Holds gold's rows, by the names of `lakehouse_assets_tests.oracle.gold`, to those that the facts give.

    Args:
        expected: see `FACTS`.
        gold: rows of the three tables.
        days: the only days that are looked at; all without.

    Raises:
        WrongResultError: names the first rows that differ.
    """
    connection = duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
    among = _among(days)
    for name, rows in {"facts": expected, **gold}.items():
        connection.register(f"{name}_whole", rows)
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {name}_whole WHERE {among}")
    for answer in ANSWERS:
        for query in comparisons(answer, "facts"):
            if differing := connection.execute(query).fetchmany(SHOWN):
                raise WrongResultError(f"{answer.what}: {differing}")


def check_silver(expected: pa.Table, silver: pa.Table, days: Collection[date] = ()) -> None:
    """Holds silver's rows to the facts, column by column; of some days, or of all.

    Raises:
        WrongResultError: names the first rows that only one of the two has.
    """
    connection = duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
    among = _among(days)
    names = ", ".join(FACTS.names)
    connection.register("expected", expected)
    connection.register("silver", silver.cast(FACTS))
    sides = [f"SELECT {names} FROM {each} WHERE {among}" for each in ("expected", "silver")]
    for one, other in (sides, sides[::-1]):
        if differing := connection.execute(f"{one} EXCEPT ALL {other}").fetchmany(SHOWN):
            raise WrongResultError(f"silver: {differing}")


def _among(days: Collection[date]) -> str:
    return f"event_date IN ({', '.join(f'DATE {str(day)!r}' for day in days)})" if days else "true"


class _Sent(NamedTuple):
    partition: int
    offset: int
    value: bytes


def sent(values: Iterable[bytes]) -> Iterable[Record]:
    """Records as if they all lay in one partition: where the first one of a grain counts, their order is enough."""
    return [_Sent(0, number, value) for number, value in enumerate(values)]
