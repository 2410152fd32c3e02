"""How a table's CSV files are written, as the table declares it; what cannot work is refused when it is defined."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal

from lakehouse_assets.engine.sources.shown_text import shown
from lakehouse_assets.errors import ContractError

MOST_NAME_CHARACTERS: Final = 255
_LINE_ENDS: Final = frozenset("\r\n")
_WIDE: Final = ("utf-16", "utf-32")
_NO_TEXT: Final = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7", "hz"})
_ENDING: Final = ".gz"

Compression = Literal["by name", "gzip", "none"]


@dataclass(frozen=True)
class Csv:
    """The form of a table's files.

    Raises:
        ContractError: an option, or two of them together, make no form; says what is allowed.
    """

    delimiter: str = ","
    """One character."""
    quote: str | None = '"'
    """Around a cell that holds a delimiter, a quote (twice) or a line end; None where it is no such sign."""
    escape: str | None = None
    """Takes away the meaning of the character after it; None where there is no such character."""
    encoding: str = "utf-8"
    """A text encoding that Python knows, in which ASCII stays ASCII, or UTF-16 or UTF-32."""
    header: tuple[str, ...] | None = None
    """The columns' names where the files do not state them; None where the first line does."""
    compression: Compression = "by name"
    """`by name`: what ends with `.gz` is compressed by gzip."""
    last_line_end: Literal["optional", "required"] = "optional"
    """`required` sets a file aside whose last row has no line end, for senders whose files may be cut off."""

    def __post_init__(self) -> None:
        for name in ("delimiter", "quote", "escape"):
            _check_character(name, getattr(self, name), required=name == "delimiter")
        signs = [sign for sign in (self.delimiter, self.quote, self.escape) if sign is not None]
        if len({*signs}) < len(signs):
            raise _refused("delimiter, quote and escape are not all different", "Give each a character of its own")
        _check_choice("compression", self.compression, ("by name", "gzip", "none"))
        _check_choice("last_line_end", self.last_line_end, ("optional", "required"))
        _check_encoding(self.encoding)
        if self.header is not None and (fault := names_fault(self.header)):
            raise _refused(f"header: {fault}", "Give each column a name of its own, or None for the first line's names")

    @property
    def codec(self) -> str:
        """The encoding as Python calls it, without a word on byte order marks."""
        return codecs.lookup(self.encoding).name.removesuffix("-sig")

    @property
    def is_wide(self) -> bool:
        """Whether a line end is more than one byte."""
        return self.codec.startswith(_WIDE)

    def is_compressed(self, name: str) -> bool:
        """Whether the file of this name is compressed."""
        by_name = self.compression == "by name" and name.lower().endswith(_ENDING)
        return by_name or self.compression == "gzip"

    def said(self) -> tuple[str, ...]:
        """What is declared otherwise than by default, for the table's code version."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return tuple(f"{each.name}={given[each.name]!r}" for each in fields(self) if given[each.name] != each.default)


def names_fault(names: Sequence[str]) -> str | None:
    """What is wrong with columns' names: one is empty, long, there twice, also in other letters, or cannot be shown."""
    seen: dict[str, str] = {}
    for number, name in enumerate(names, 1):
        if fault := next(_name_faults(number, name, seen.get(name.casefold())), None):
            return fault
        seen[name.casefold()] = name
    return None if names else "no column"


def _name_faults(number: int, name: str, before: str | None) -> Iterator[str]:
    if not name:
        yield f"column {number} has no name"
    if name != name.strip():
        yield f"column {shown(name)} has spaces around its name"
    if len(name) > MOST_NAME_CHARACTERS:
        yield f"the name of column {number}, {shown(name)}, has {len(name)} characters, at most {MOST_NAME_CHARACTERS}"
    if not name.isprintable():
        yield f"the name of column {number}, {shown(name)}, has a character that cannot be shown"
    if before is not None:
        yield f"column {shown(name)} comes twice" + ("" if before == name else f", before as {shown(before)}")


def _check_character(name: str, sign: str | None, *, required: bool) -> None:
    if sign is None and not required:
        return
    if not isinstance(sign, str) or len(sign) != 1 or sign in _LINE_ENDS or sign in "\x00\ufeff":
        raise _refused(f"{name}={sign!r}", "Give one character, no line end and no NUL")


def _check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise _refused(f"{name}={value!r}", f"Give one of {', '.join(map(repr, allowed))}")


def _check_encoding(encoding: str) -> None:
    allowed = "Give a text encoding of Python's in which ASCII stays ASCII, e.g. 'utf-8' or 'cp1252', or 'utf-16'"
    try:
        codec = codecs.lookup(encoding)
        ascii_only = bytes(each for each in range(128) if chr(each) not in "\\~")
        keeps_ascii = codec.name.startswith(_WIDE) or ascii_only.decode(encoding) == ascii_only.decode("ascii")
    except (LookupError, ValueError, TypeError) as error:
        raise _refused(f"encoding={encoding!r}", allowed) from error
    if codec.name in _NO_TEXT or codec.name.startswith("iso2022") or not keeps_ascii:
        raise _refused(f"encoding={encoding!r}", allowed)


def _refused(what: str, do: str) -> ContractError:
    return ContractError(f"no form of CSV: {what}", where="a table's `format`", do=do)
