"""A CSV file's bytes as lines of text, each with the byte at which it begins; or why the bytes are no such text."""

from __future__ import annotations

import re
import zlib
from itertools import accumulate
from typing import Final, NamedTuple

from lakehouse_assets.engine.sources.csv_format import Csv

MOST_GZIP_RATIO: Final = 1032
"""No byte of a gzip file can stand for more bytes than this."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_MARKS: Final = {"utf-8": b"\xef\xbb\xbf", "utf-32-le": b"\xff\xfe\0\0", "utf-32-be": b"\0\0\xfe\xff"}
_WIDE_MARKS: Final = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class FaultError(ValueError):
    """Ends the reading of a file; its text is the reason."""


class Text(NamedTuple):
    """The lines of a file with their line ends, and the byte at which each begins."""

    lines: list[str]
    starts: list[int]


def unpacked(body: bytes, most_bytes: int) -> bytes:
    """What a gzip file holds, all of its members; never more than `most_bytes` are unpacked.

    Raises:
        FaultError: it is damaged, cut off, or holds more.
    """
    parts: list[bytes] = []
    room = most_bytes
    while body:
        member = zlib.decompressobj(_GZIP)
        try:
            parts.append(member.decompress(body, room + 1))
        except zlib.error as error:
            raise FaultError(f"cannot be unpacked by gzip ({error})") from error
        room -= len(parts[-1])
        if room < 0:
            raise FaultError(f"holds more than {most_bytes} bytes when unpacked; at most so many are read: split it")
        if not member.eof:
            raise FaultError("cannot be unpacked by gzip: the file is cut off")
        body = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


def text_of(body: bytes, form: Csv) -> Text:
    """The lines of an unpacked file.

    Raises:
        FaultError: the bytes are not of the declared encoding, or hold a NUL character; names the line and the byte.
    """
    found = _wide(body, form) if form.is_wide else _narrow(body, form)
    if b"\0" in body and (number := next((n for n, line in enumerate(found.lines, 1) if "\0" in line), 0)):
        raise FaultError(f"line {number}: a NUL character; is it UTF-16, or no text at all?")
    return found


def _narrow(body: bytes, form: Csv) -> Text:
    mark = _MARKS["utf-8"]
    if form.codec != "utf-8" and body.startswith(mark):
        raise FaultError(f"line 1: begins with the byte order mark of UTF-8; the table says {_called(form)}")
    raw = body.splitlines(keepends=True)
    starts = [*accumulate(map(len, raw), initial=0)]
    if raw and form.codec == "utf-8":
        raw[0] = raw[0].removeprefix(mark)
    codec = form.codec
    try:
        return Text([line.decode(codec) for line in raw], starts)
    except UnicodeDecodeError as error:
        raise _undecodable(raw, form) from error


def _undecodable(raw: list[bytes], form: Csv) -> FaultError:
    for number, line in enumerate(raw, 1):
        try:
            line.decode(form.codec)
        except UnicodeDecodeError as error:
            at = f"line {number}, byte {error.start + 1} (0x{line[error.start]:02x})"
            return FaultError(f"{at}: not {_called(form)}{_hint(number, line)}")
    raise AssertionError("every line is good")


def _hint(number: int, line: bytes) -> str:
    if number == 1 and line.startswith((*_WIDE_MARKS.values(),)):
        return "; it begins like UTF-16"
    return "; it begins like gzip" if number == 1 and line.startswith(b"\x1f\x8b") else ""


def _called(form: Csv) -> str:
    return form.codec.upper() if form.codec.startswith("utf") else form.codec


def _wide(body: bytes, form: Csv) -> Text:
    """UTF-16 and UTF-32; without a byte order mark the little end comes first."""
    codec, skipped = _byte_order(body, form.codec)
    try:
        text = body[skipped:].decode(codec)
    except UnicodeDecodeError as error:
        raise FaultError(f"byte {skipped + error.start + 1}: not {_called(form)}") from error
    texts = _LINE.findall(text)
    return Text(texts, [*accumulate((len(each.encode(codec)) for each in texts), initial=skipped)])


def _byte_order(body: bytes, codec: str) -> tuple[str, int]:
    marks = _MARKS if codec.startswith("utf-32") else _WIDE_MARKS
    for named, mark in marks.items():
        if named.startswith(codec) and body.startswith(mark):
            return named, len(mark)
    return (codec if codec.endswith(("le", "be")) else f"{codec}-le"), 0
