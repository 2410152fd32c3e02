"""A plan's records as Kafka messages, each with its entry for the manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from lakehouse_assets.demo import faults
from lakehouse_assets.demo.faults import LABELS, Label, Plan
from lakehouse_assets.demo.transactions import Lines, Payload, price_text, time_texts

STORE_HEADER: Final = "store_id"
REPLAY_HEADER: Final = "replay"
"""Header with the number of source lines taken when the record was sent: where the next replay starts."""
DATES_HEADER: Final = "dates"
"""Header with the dates of the replay (`Dates.text`): those of the next one."""
DAMAGED_NUMBERS: Final = 9 * 10**12
"""Added to the transaction number of a damaged copy, so that it never shares a published row's grain."""
BLOCK: Final = 20_000

ABSURD_DATES: Final = (
    "1970-01-01T00:00:00Z",
    "2014-12-31T23:59:59Z",
    "2099-06-15T12:00:00Z",
    "9999-12-31T23:59:59Z",
)
WRONG_TYPES: Final[tuple[Mapping[str, str], ...]] = (
    {"price": '"n/a"'},
    {"quantity": '{"units": 1}'},
    {"price": '{"amount": "much"}'},
    {"quantity": '"several"'},
)
NULLED: Final = ("transaction_no", "product_no", "price", "quantity")
DAMAGED: Final = frozenset({Label.MALFORMED, Label.WRONG_TYPE, Label.NULL, Label.ABSURD_TIMESTAMP})


Headers = list[tuple[str, str | bytes | None]]


class Message(NamedTuple):
    """A Kafka message; `timestamp` in milliseconds, `entry` its manifest line after the coordinate."""

    key: bytes
    value: bytes
    headers: Headers
    timestamp: int
    entry: str


class Damage(NamedTuple):
    """A damaged record: the JSON text and the fields the manifest states."""

    text: bytes
    fields: Payload


def messages(window: Lines, plan: Plan, seed: int, start: int) -> Iterator[Message]:
    """The plan's messages in the order they are sent; `start` is the window's first replay index."""
    for begin in range(0, len(plan.line), BLOCK):
        yield from _block(window, plan, slice(begin, begin + BLOCK), seed, start)


def entry(label: Label, fields: Payload) -> str:
    """A manifest line's part after the coordinate; the price has exactly two decimals."""
    price = fields.price if fields.price[-1:].isdigit() else "null"
    return (
        f'"label": "{label}", "event_date": "{fields.date[:10]}", "TransactionNo": {fields.transaction_no}, '
        f'"ProductNo": {fields.product_no}, "Price": {price}}}'
    )


def _block(window: Lines, plan: Plan, part: slice, seed: int, start: int) -> Iterator[Message]:
    line, names, dates = plan.line[part], window.names, window.dates.text().encode()
    columns = zip(
        plan.code[part].tolist(),
        plan.time[part].tolist(),
        time_texts(plan.time[part]),
        (plan.consumed[part] + start).tolist(),
        window.transaction_no[line].tolist(),
        window.product_no[line].tolist(),
        window.cents[line].tolist(),
        window.quantity[line].tolist(),
        window.customer_no[line].tolist(),
        window.store_id[line].tolist(),
        window.name[line].tolist(),
        (faults.scramble(seed, 4, line + start) >> 33).tolist(),
        strict=True,
    )
    for code, time, date, consumed, number, product, cents, quantity, customer, store, name, salt in columns:
        label = LABELS[code]
        if label in DAMAGED:
            number += DAMAGED_NUMBERS
        payload = Payload(
            f'"{number}"', date, f'"{product}"', names[name], price_text(cents), str(quantity), str(customer)
        )
        change = _CHANGES.get(label)
        if change is None:
            value, fields, key = payload.render().encode(), payload, b"%d" % number
        else:
            value, fields, key = change(payload, cents, quantity, salt, number)
        headers: Headers = [
            (STORE_HEADER, b"%d" % store),
            (REPLAY_HEADER, b"%d" % consumed),
            (DATES_HEADER, dates),
        ]
        yield Message(key, value, headers, time * 1000, entry(label, fields))


Changed = tuple[bytes, Payload, bytes]


def _cancellation(payload: Payload, cents: int, quantity: int, salt: int, number: int) -> Changed:
    fields = payload._replace(transaction_no=f'"C{number}"', price=price_text(-cents), quantity=str(-quantity))
    return fields.render().encode(), fields, b"C%d" % number


def _superseded(payload: Payload, cents: int, quantity: int, salt: int, number: int) -> Changed:
    if salt % 2:
        fields = payload._replace(price=price_text(cents + 1 + salt % 99))
    else:
        fields = payload._replace(product_name=f'{payload.product_name[:-1]} (renamed)"')
    return fields.render().encode(), fields, b"%d" % number


def _malformed(payload: Payload, cents: int, quantity: int, salt: int, number: int) -> Changed:
    text = payload.render().encode()
    broken = (text[: len(text) // 2], b"\xff\xfe\x00" + text[:40], f"TransactionNo={number};".encode(), b"")
    nothing = Payload("null", payload.date, "null", "null", "null", "null", "null")
    return broken[salt % len(broken)], nothing, b"%d" % number


def _wrong_type(payload: Payload, cents: int, quantity: int, salt: int, number: int) -> Changed:
    fields = payload._replace(**WRONG_TYPES[salt % len(WRONG_TYPES)])
    return fields.render().encode(), fields, b"%d" % number


def _null(payload: Payload, cents: int, quantity: int, salt: int, number: int) -> Changed:
    name = NULLED[salt % len(NULLED)]
    fields = payload._replace(**{name: "null"})
    basket = number - DAMAGED_NUMBERS if name == "transaction_no" else number
    return fields.render().encode(), fields, b"%d" % basket


def _absurd(payload: Payload, cents: int, quantity: int, salt: int, number: int) -> Changed:
    fields = payload._replace(date=ABSURD_DATES[salt % len(ABSURD_DATES)])
    return fields.render().encode(), fields, b"%d" % number


_CHANGES: Final[Mapping[Label, Callable[[Payload, int, int, int, int], Changed]]] = {
    Label.CANCELLATION: _cancellation,
    Label.SUPERSEDED: _superseded,
    Label.MALFORMED: _malformed,
    Label.WRONG_TYPE: _wrong_type,
    Label.NULL: _null,
    Label.ABSURD_TIMESTAMP: _absurd,
}
