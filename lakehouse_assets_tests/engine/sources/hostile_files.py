"""Files that nobody should trust, from a seed: each with the words that its reason must have.

Naughty strings of a public list are in names, headers and cells, of the good files among them too.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lakehouse_assets_tests.engine.hostile_records import naughty

HEADER = "ProductNo,ProductName,Department,Brand"


class Hostile(NamedTuple):
    """A file, and words of the reason for which it is set aside."""

    name: str
    body: bytes
    says: str
    texts: tuple[str, ...] = ()
    """The naughty strings in its name and cells."""


class Good(NamedTuple):
    """A file, and its rows: number, name, department, and what the column beside them holds."""

    name: str
    body: bytes
    rows: list[tuple[str, str, str, str]]


Maker = Callable[[random.Random, list[str]], tuple[bytes, str]]


def text(lines: list[str], end: str = "\n") -> bytes:
    return (end.join([HEADER, *lines]) + end).encode()


def _cut_in_row(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    whole = text(lines).decode()
    return whole[: whole.rindex("\n", 0, -1) + dice.randrange(2, 4)].encode(), "was the file cut off?"


def _ragged(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    number = dice.randrange(len(lines))
    lines[number] += "," * dice.randrange(1, 500)
    return text(lines), f"line {number + 2}: "


def _short(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    number = dice.randrange(len(lines))
    lines[number] = lines[number].rsplit(",", dice.randrange(1, 4))[0]
    return text(lines), "none for column"


def _open_quote(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    number = dice.randrange(len(lines))
    lines[number] = lines[number].replace(",Milk", ',"Milk', 1)
    return text(lines), "a quote that nothing closes"


def _text_after_quote(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    number = dice.randrange(len(lines))
    lines[number] = lines[number].replace("Milk", '"Milk"x', 1)
    return text(lines), f"line {number + 2}: ',' expected after"


def _bytes(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    number = dice.randrange(len(lines))
    bad = dice.choice([b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xe4"])
    return text(lines).replace(lines[number].encode(), lines[number].encode() + bad), f"line {number + 2}, byte"


def _nul(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    number = dice.randrange(len(lines))
    lines[number] += "\0" * dice.randrange(1, 9)
    return text(lines), f"line {number + 2}: a NUL character"


def _other_encoding(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    encoding = dice.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32-be"])
    body = text(lines).decode().encode(encoding)
    return body, "UTF-16" if encoding == "utf-16" else "NUL" if _is_utf8(body) else "not UTF-8"


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _empty(dice: random.Random, _: list[str]) -> tuple[bytes, str]:
    return dice.choice([b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"]), "the file is empty"


def _empty_line(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    number = dice.randrange(len(lines))
    lines.insert(number, "")
    return text(lines, dice.choice(["\n", "\r\n", "\r"])), f"line {number + 2}: an empty line between rows"


def _lost_line_ends(dice: random.Random, _: list[str]) -> tuple[bytes, str]:
    return b",".join(b"%d" % number for number in range(dice.randrange(5_000, 30_000))), "no column 'ProductNo'"


def _header(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    names, says = dice.choice(
        [
            ("productno,ProductName,Department,Brand", "it is called 'productno'"),
            ("ProductNo, ProductName,Department,Brand", "it is called ' ProductName'"),
            ("ProductNo,ProductName,Department", "no column 'Brand'"),
            ("ProductNo;ProductName;Department;Brand", "the header has 'ProductNo;ProductName"),
            ("ProductNo,ProductName,Department,Brand,Brand", "column 'Brand' comes twice"),
            ("ProductNo,ProductName,Department,Brand,brand", "before as 'Brand'"),
            ("ProductNo,ProductName,Department,Brand,", "column 5 has no name"),
            ("ProductNo,ProductName,Department,Brand,\x1b[31m", "cannot be shown"),
            ("ProductNo,ProductName,Department,Brand," + "x" * 5_000, "5000 characters, at most 255"),
            ("1,Milk,DAIRY,National", "the header has '1', 'Milk'"),
        ]
    )
    return text(lines).replace(HEADER.encode(), names.encode()), says


def _packed(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    good = gzip.compress(text(lines))
    return dice.choice(
        [
            (good, "begins like gzip"),
            (b"PK\x03\x04\x14\0" + good, "not UTF-8"),
            (b"%PDF-1.7\n\xe2\xe3\xcf\xd3\n", "not UTF-8"),
        ]
    )


def _gzip(dice: random.Random, lines: list[str]) -> tuple[bytes, str]:
    good = gzip.compress(text(lines))
    return dice.choice(
        [
            (good[: -dice.randrange(1, 20)], "cut off"),
            (text(lines), "cannot be unpacked by gzip"),
            (gzip.compress(b"\0" * 4_000_000), "bytes when unpacked"),
            (good[:20] + b"\0\0\0" + good[23:], "cannot be unpacked by gzip"),
        ]
    )


_PLAIN: list[Maker] = [
    _cut_in_row,
    _ragged,
    _short,
    _open_quote,
    _text_after_quote,
    _bytes,
    _nul,
    _other_encoding,
    _empty,
    _empty_line,
    _lost_line_ends,
    _header,
    _packed,
]


def hostile(seed: int, count: int) -> Iterator[Hostile]:
    """As many files, of each kind about equally many, under odd names."""
    dice = random.Random(seed)
    for number in range(count):
        cells = dice.sample(_plain_texts(), dice.randrange(2, 9))
        lines = [f"{number}{line},Milk,{cell},National" for line, cell in enumerate(cells)]
        make = [*_PLAIN, _gzip][number % (len(_PLAIN) + 1)]
        body, says = make(dice, lines)
        odd = _name(dice)
        yield Hostile(f"{odd}bad{number:03}.csv" + ".gz" * (make is _gzip), body, says, (odd, *cells))


def good(seed: int, count: int) -> Iterator[Good]:
    """As many files as a careful program writes: any text in a cell, quoted where it has to be."""
    dice = random.Random(-seed)
    for number in range(count):
        texts = [text for text in dice.sample(naughty(), 40) if text and "\0" not in text]
        rows = [(f"{number}{line:03}", text, texts[-1 - line], text[::-1]) for line, text in enumerate(texts)]
        header = [*HEADER.split(","), dice.choice(_header_texts())]
        lines = [header, *((no, name, department, "National", more) for no, name, department, more in rows)]
        is_packed = number % 2
        body = _written(lines, dice.choice(["\n", "\r\n"])).rstrip("\r\n" if number % 4 > 1 else "").encode()
        name = f"{_name(dice)}good{number:02}.csv" + ".gz" * is_packed
        yield Good(name, gzip.compress(body) if is_packed else body, rows)


def _written(lines: list[list[str] | tuple[str, ...]], end: str) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=end).writerows(lines)
    return written.getvalue()


def _name(dice: random.Random) -> str:
    """The beginning of a key as the store keeps it, and not of one that is passed over."""
    texts = [text for text in _plain_texts() if not {*"/\\"} & {*text} and len(text) < 50 and text[:1] not in {*"._"}]
    return dice.choice(["", "ü ", "a'b ", "%41", "x y", '"', "${x}", "日本", *dice.sample(texts, 9)])


def _plain_texts() -> list[str]:
    """Naughty strings that stand in a cell as they are."""
    return [text for text in naughty() if text.isprintable() and not {*text} & {*',"\r\n'}]


def _header_texts() -> list[str]:
    """Those that a column may be called."""
    taken = {name.lower() for name in HEADER.split(",")}
    return [text for text in _plain_texts() if text.strip() == text != "" and text.lower() not in taken]
