"""Kafka messages as nobody should send them: hostile records under hostile keys, headers and timestamps, of any size.

Each test of the JSON suite and each naughty string is in every seed, within a value or as one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from lakehouse_assets_tests.engine import hostile_records
from lakehouse_assets_tests.engine.hostile_records import MOST_LEVELS, naughty, record, suite

MOST_BYTES = 1_048_516
"""Of a value that a broker takes by default (`message.max.bytes` 1,048,588) without key and headers."""
NOON_MS = 1_793_534_400_000
"""2026-11-01 12:00 UTC."""
_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000
MOST_MS = 9_223_372_036_854_775
"""The largest timestamp of a record, either way, that Spark's reader takes."""
Headers = Sequence[tuple[str, bytes | None]]


class Message(NamedTuple):
    """What is sent."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    millis: int = NOON_MS
    is_public: bool = False
    """A case of a public suite is in its value."""


def hostile(seed: int, count: int) -> list[Message]:
    """As many messages, in an order of their own; those that Spark's reader cannot read come first."""
    dice = random.Random(seed)
    values = [*_public(dice, f"p{seed}"), *((value, False) for value in nested(f"n{seed}"))]
    values += [(value, False) for value in islice(hostile_records.hostile(seed), count)]
    found = [_dressed(dice, value, is_public) for value, is_public in values]
    found = [*_largest(dice, f"l{seed}"), *found][: count - len(_UNREADABLE)]
    dice.shuffle(found)
    return [*(Message(record(f"u{seed}{millis}"), b"u", (), millis) for millis in _UNREADABLE), *found]


def good(seed: int, count: int) -> Iterator[Message]:
    """Messages as they should be."""
    for number, value in enumerate(islice(hostile_records.good(seed), count)):
        yield Message(value, b"%d" % number, (("trace", b"%d" % number),), NOON_MS + number)


def _public(dice: random.Random, name: str) -> Iterator[tuple[bytes, bool]]:
    for number, case in enumerate(suite()):
        yield (
            (case if number % 4 == seed_of(name) % 4 else record(f"{name}-{number}")[:-1] + b',"x":' + case + b"}"),
            True,
        )
    for number, text in enumerate(naughty()):
        yield _naughty_record(dice, f"{name}~{number}", text), True


def seed_of(name: str) -> int:
    """The number in a name."""
    return int(name[1:])


def _naughty_record(dice: random.Random, name: str, text: str) -> bytes:
    fields = dice.choice(
        [
            {"id": name, "text": text},
            {"id": name + text},
            {"id": text},
            {"id": name, text: text},
            {"id": name, "at": text},
            {"id": name, dice.choice(["count", "money", "flag", "ratio"]): text},
        ]
    )
    return json.dumps(fields, ensure_ascii=dice.random() < 0.5).encode()


def nested(name: str) -> Iterator[bytes]:
    """Values within values, up to the parser's limit and beyond."""
    for levels in (500, MOST_LEVELS - 1, MOST_LEVELS, MOST_LEVELS + 1, 10_000):
        inner = levels - 1
        yield record(f"{name}[{levels}", x="[" * inner + "]" * inner)
        yield record(f"{name}{{{levels}", x='{"a":' * inner + "1" + "}" * inner)
        yield record(f"{name}'{levels}", text="[" * levels)
    yield b"[" * 10_000
    yield b'{"id":' * 10_000


def _largest(dice: random.Random, name: str) -> Iterator[Message]:
    """At the broker's limit to the byte, and with a key or a header that takes nearly all of it."""
    fills = [
        (b'{"id":"%s1","text":"', b"y", b'"}'),
        (b'{"id":"%s2","other":"', b"y", b'"}'),
        (b'{"id":"%s3-', b"i", b'"}'),
        (b'{"id":"%s4","x":[0', b",0", b"]}"),
        (b'{"id":"%s5"}', b" ", b""),
        (b'{"id":"%s6","text":"', b"y", b""),
        (b'{"id":"%s7","count":', b"1", b"}"),
        (b'{"id":"%s8","at":"', b"2", b'"}'),
        (b'{"id":"%s9","x":"', b"\xff", b'"}'),
    ]
    for before, fill, after in dice.sample(fills, 5):
        head = before % name.encode()
        times, rest = divmod(MOST_BYTES - len(head) - len(after), len(fill))
        yield Message(head + fill * times + after + b" " * rest)
    names = ",".join(f'"k{number}":1' for number in range(50_000))
    yield Message(record(f"{name}k")[:-1] + b"," + names.encode() + b"}")
    yield Message(record(f"{name}K"), b"\xff" * 1_000_000)
    yield Message(record(f"{name}H"), None, (("h" * 1_000, b"\0" * 1_000_000),))


_UNREADABLE = (MOST_MS + 1, -MOST_MS - 1, 1_793_528_130_000_000_000, 2**63 - 1, -(2**63))
_STAMPS = (
    *(1, -1, -2, -_DAY_MS, MOST_MS, -MOST_MS, 253_402_300_799_999, 253_402_300_800_000, 4_102_444_800_000),
    *(NOON_MS - NOON_MS % _DAY_MS + shift for shift in (-1, 0, 1, _HOUR_MS - 1, _HOUR_MS, _DAY_MS - 1, _DAY_MS)),
    *(1_420_070_399_999, 1_420_070_400_000),
)
"""Before and after 1970, none, the year 10000, about the border of a day, of an hour and of the calendar."""


def _dressed(dice: random.Random, value: bytes, is_public: bool) -> Message:
    """A value under a key, headers and a timestamp that are hostile more often than not."""
    millis = dice.choice([NOON_MS, NOON_MS, *_STAMPS]) if dice.random() < 0.5 else NOON_MS
    sent = None if not is_public and dice.random() < 0.005 else value
    return Message(sent, _key(dice), _headers(dice), millis, is_public)


def _key(dice: random.Random) -> bytes | None:
    text = dice.choice(naughty()).encode()
    return dice.choice([None, b"", b"\xff\xfe\0", text, text, dice.randbytes(9), b"k" * dice.choice([1, 65_536])])


def _headers(dice: random.Random) -> Headers:
    text = dice.choice(naughty()).replace("\0", "")
    return dice.choice(
        [
            (),
            (("", b""), ("", None)),
            (("a", b"1"), ("a", None), ("A", b"2"), ("a", b"1")),
            ((text, text.encode()), ("bytes", dice.randbytes(20))),
            (("h" * 3_000, b"\xff" * dice.choice([1, 20_000])),),
            tuple((f"h{number % 60}", b"%d" % number) for number in range(100)),
        ]
    )
