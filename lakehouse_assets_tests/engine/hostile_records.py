"""Records as nobody should send them, and what plain Python says of each: its row, or that it is to be set aside."""

from __future__ import annotations

import base64
import json
import math
import random
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation, localcontext
from functools import cache
from pathlib import Path
from typing import Any

import pyspark.sql.types as T

DATA = Path(__file__).parents[1] / "data"
TYPES: Mapping[str, T.DataType] = {
    "id": T.StringType(),
    "text": T.StringType(),
    "money": T.DecimalType(38, 18),
    "count": T.IntegerType(),
    "big": T.LongType(),
    "ratio": T.DoubleType(),
    "flag": T.BooleanType(),
    "at": T.TimestampType(),
}
OPTIONAL = [name for name in TYPES if name != "id"]
MOST_NAME_CHARACTERS, MOST_CHARACTERS, MOST_LEVELS = 50_000, 1_000, 999
"""The parser's own limits: of a name, of a number, and of values within values, the record's own object among them."""

Row = Mapping[str, Any]


def expected(sent: bytes | None) -> Row | None:
    """The row of a record, by Python's own parser; None for one that is to be set aside."""
    if sent is None or _levels(sent) > MOST_LEVELS:
        return None
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + 4 * MOST_LEVELS)
    try:
        return _row(sent)
    finally:
        sys.setrecursionlimit(before)


def _levels(sent: bytes) -> int:
    """How deep values are within values; brackets within texts are none."""
    deepest = level = 0
    for found in _BRACKETS.finditer(sent):
        level += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(found[0], 0)
        deepest = max(deepest, level)
    return deepest


_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{\]}]', re.DOTALL)


def _row(sent: bytes) -> Row | None:
    try:
        pairs = json.loads(
            sent.removeprefix(b"\xef\xbb\xbf").decode(),
            parse_float=_Number,
            parse_int=_Number,
            parse_constant=_no_constant,
            object_pairs_hook=_Pairs,
        )
        json.dumps(_plain(pairs), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(pairs, _Pairs):
        return None
    names = [name for name, _ in pairs]
    if "id" not in names or any(names.count(name) > 1 for name in TYPES):
        return None
    if any(len(name) > MOST_NAME_CHARACTERS for name in names):
        return None
    fields = dict(pairs)
    try:
        row = {name: None if fields.get(name) is None else _READERS[name](fields[name]) for name in TYPES}
    except (ValueError, TypeError):
        return None
    return None if row["id"] is None else row


class _Number(str):
    """A number as it is written."""


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs, those given twice included."""


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return [[name, _plain(each)] for name, each in value]
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, _Number) and len(value) > MOST_CHARACTERS:
        raise ValueError("a longer number than the parser takes")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _text(value: Any) -> str:
    return _of(str, value)


def _flag(value: Any) -> bool:
    return _of(bool, value)


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(value)
    return value


def _number(value: Any) -> Decimal:
    try:
        return Decimal(_of(_Number, value))
    except InvalidOperation as error:
        raise ValueError(value) from error


def _money(value: Any) -> Decimal:
    found = _number(value)
    with localcontext(prec=2000):
        if not -100 < found.adjusted() < 20 or found.scaleb(18) != found.scaleb(18).to_integral_value():
            raise ValueError(value)
        return found + Decimal(0)


def _whole(bits: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        found = _number(value)
        if not -100 < found.adjusted() < 30 or found != found.to_integral_value():
            raise ValueError(value)
        if not -(2 ** (bits - 1)) <= int(found) < 2 ** (bits - 1):
            raise ValueError(value)
        return int(found)

    return read


def _ratio(value: Any) -> float:
    found = float(_of(_Number, value))
    if math.isinf(found):
        raise ValueError(value)
    return found + 0.0


_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2})(:\d{2})?(?:(?<=:\d{2}:\d{2})[.,](\d{1,9}))?"
    r"([Zz]|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)


def _at(value: Any) -> datetime:
    found = _TIME.fullmatch(_of(str, value))
    if not found:
        raise ValueError(value)
    day, minute, second, fraction, zone = found.groups()
    zone = {"Z": "+00:00", "z": "+00:00", None: "+00:00"}.get(zone, zone)
    micros = (fraction or "0")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{day}T{minute or '00:00'}{second or ':00'}.{micros}{zone}").astimezone(UTC)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "id": _text,
    "text": _text,
    "money": _money,
    "count": _whole(32),
    "big": _whole(64),
    "ratio": _ratio,
    "flag": _flag,
    "at": _at,
}

_NUMBERS = """
0 -0 -0.0 1 1.0 1e5 1E+2 5e-1 1e400 -1e400 1e-400 1e37 0.1 1.5 1e-18 1e-19 0e0 01 +1 1. .5 1e 0x1 1_0
2147483647 2147483648 -2147483649 9223372036854775807 9223372036854775808 -9223372036854775808
1.000000000000000000 0.12345678901234567 0.0000000000000000001 0.123456789012345678901234567890123456789
99999999999999999999.999999999999999999 100000000000000000000 123456789012345678901234567890
100000.00000000000000000000000000000000000000001 1.7976931348623157e308 NaN -Infinity
"""
NUMBERS = [*_NUMBERS.split(), *("9" * digits for digits in (38, 39, 400, 1_001))]
TIMES = [
    *("2026-11-01T10:15Z", "2026-11-01T10:15+01:00", "2026-11-01t10:15:30z", "2026-11-01 10:15:30,5+0100"),
    *("2026-11-01", "2026-11-01Z", "2026-11-01T10:15:30.123456789-01", "2026-11-01T10:15:30.1234567890Z", "x", ""),
    *("2016-12-31T23:59:60Z", "2026-02-30", "01/03/2026", "20261101", "2026-11-01T10:15:30Z\n", "today"),
    *("2026-11-01T24:00:00Z", "12026-11-01", "2026-11-01T1:15Z", " 2026-11-01", "1793528130000"),
]
NAMES = ["@ts", "a.b", "a`b", "a'b", "x]", "", "$", "ID", "Text", "rank", "value", "offset", "a\nb", "\u0000"]
TAILS = (b"#", b"}", b"//", b"\n{}", b",{}", b"] [", b"\0", b"\xff", b" x", b'{"id":"z"}', b" \r\n\t")
OTHERS = [
    *(
        b"",
        b"null",
        b"[]",
        b"5",
        b'"x"',
        b"{",
        b"}",
        b"\xff\xfe{\0}\0",
        b"]",
        b"] [",
        b"],{}",
        b"[" * 5_000,
        b"\0\0\0\0\1" + b'{"id":"x"}',
    ),
    *(b'{"id":"x",}', b"{'id':'x'}", b'{id:"x"}', b'{"id":"a\tb"}', b'{"id":"\\q"}', b'/**/{"id":"x"}'),
    *(b'{"id":"\\ud800"}', b'{"id":"\\ud83e\\udd5b"}', b'{"i\\u0064":"x"}', b'\xef\xbb\xbf{"id":"x"}'),
    *(b'{"id":"x","id":"y"}', b'{"id":"x","\\u0069d":"y"}', b'{"id":"x","o":{"a":1,"a":2}}'),
    b'{"id":"x","' + b"k" * 60_000 + b'":1}',
    b'{"id":"x","t":"' + b"y" * 300_000 + b'"}',
    b'{"id":"x","n":' + b"[" * 400 + b"]" * 400 + b"}",
]


@cache
def suite() -> tuple[bytes, ...]:
    """Records of a public parser's tests."""
    files = json.loads((DATA / "json_parsing.json").read_text())["files"]
    return tuple(base64.b64decode(each) for each in files.values())


@cache
def naughty() -> tuple[str, ...]:
    """Texts of a public list."""
    return tuple(json.loads((DATA / "naughty_strings.json").read_text())["strings"])


def hostile(seed: int) -> Iterator[bytes]:
    """Records without end, each of another kind, reproducible."""
    chance = random.Random(seed)
    kinds = (_of_number, _of_time, _of_name, _of_tail, _of_suite, _of_text, _of_type, _of_bytes, _of_many, _of_others)
    while True:
        yield chance.choice(kinds)(chance, f"h{seed}-{chance.randrange(10**9)}")


def good(seed: int) -> Iterator[bytes]:
    """Records as they should be, each with an id of its own."""
    for i in range(10**9):
        yield record(f"g{seed}-{i}", text="milk", money="3.50", count=str(i), at='"2026-11-01T10:15:30Z"')


def record(name: str, text: str = "", **raw: str) -> bytes:
    fields = {"id": json.dumps(name)} | ({"text": json.dumps(text)} if text else {}) | raw
    return ("{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in fields.items()) + "}").encode()


def _of_number(chance: random.Random, name: str) -> bytes:
    return record(name, **{chance.choice(["money", "count", "big", "ratio", "other"]): chance.choice(NUMBERS)})


def _of_time(chance: random.Random, name: str) -> bytes:
    return record(name, at=json.dumps(chance.choice(TIMES)))


def _of_name(chance: random.Random, name: str) -> bytes:
    return record(name, **{each: "1" for each in chance.sample([*NAMES, *naughty()], 3)})


def _of_tail(chance: random.Random, name: str) -> bytes:
    return record(name) + chance.choice(TAILS)


def _of_suite(chance: random.Random, name: str) -> bytes:
    """A public parser's test within a field that nobody reads, or as it is."""
    case = chance.choice(suite())
    return case if chance.random() < 0.2 else record(name)[:-1] + b',"x":' + case + b"}"


def _of_text(chance: random.Random, name: str) -> bytes:
    return record(name, text=chance.choice(naughty()))


def _of_type(chance: random.Random, name: str) -> bytes:
    return record(name, **{chance.choice([*TYPES]): chance.choice(['"1"', "1", "true", "null", "[]", "{}", "1.5"])})


def _of_bytes(chance: random.Random, name: str) -> bytes:
    changed = bytearray(record(name, text="Zoë 🥛", money="1.5"))
    changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _of_many(chance: random.Random, name: str) -> bytes:
    return record(name, **{f"sku_{chance.randrange(10**6)}": "1" for _ in range(chance.choice([1, 5, 300]))})


def _of_others(chance: random.Random, name: str) -> bytes:
    return chance.choice(OTHERS)
