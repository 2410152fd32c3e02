"""Regular expressions that Python takes and Java, which matches them in Spark, does not: Pandera asks Python alone."""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"\\(0[0-7]|.)", re.DOTALL)
_CLASSES = re.compile(r"\[\^?\]?([^\]]*)\]")
_BACKSPACE = "\b"
_GROUPS = re.compile(r"\(\?(?:P|#|\(|[a-zA-Z-]*[aLx])")
_LINES = re.compile(r"\(\?[a-zA-Z]*m")
_PIECES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
"""An escape, a class of characters, or the sign for the end."""
_BRACES = re.compile(r"\{(?!\d+(?:,\d*)?\})")


def only_python(pattern: str) -> str | None:
    """What of a pattern Java reads in another way or not at all, or None.

    Knows the common constructs, not all of Java's grammar: what slips through fails the statement that uses it.

    >>> only_python("(?P<year>[0-9]+)")
    'a group that only Python has, such as (?P<name>...), (?#...), or the flags a, L, x'
    """
    escaped = {match[1] for match in _ESCAPES.finditer(pattern)}
    if escaped & {"U", "0"}:
        return r"the escape \U or \0"
    plain = _ESCAPES.sub(lambda match: _BACKSPACE if match[1] == "b" else "_", pattern)
    if any("[" in each or "&&" in each or _BACKSPACE in each for each in _CLASSES.findall(plain)):
        return r"[, && or \b inside of a character class"
    outside = _CLASSES.sub("_", plain)
    if _GROUPS.search(outside):
        return "a group that only Python has, such as (?P<name>...), (?#...), or the flags a, L, x"
    return "a brace that counts nothing" if _BRACES.search(outside) else None


def strict_end(pattern: str) -> str:
    """A pattern whose `$` and `\\Z` mean the very end to Java: it has them match before a last line end as well.

    With the flag `m` anywhere, `$` stays the end of a line.

    >>> print(strict_end("[$]\\$a$"))
    [$]\\$a\\z
    """
    of_lines = bool(_LINES.search(_CLASSES.sub("_", _ESCAPES.sub("_", pattern))))
    return _PIECES.sub(lambda match: _ends(match[0], of_lines), pattern)


def _ends(piece: str, of_lines: bool) -> str:
    return r"\z" if piece == r"\Z" or (piece == "$" and not of_lines) else piece
