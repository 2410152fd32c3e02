"""Texts that a producer chose, as people read them: what cannot be seen, or moves what stands beside it, is escaped."""

from __future__ import annotations

import shlex

_EXPANDED = frozenset('"$`\\!')
"""What a shell does not leave as it is between double quotes."""
_ODD = r"[\\p{C}\\p{Z}&&[^ ]]"
"""In SQL: control, format, private and unassigned characters, and white space but for the plain one."""


def shell_word(text: str) -> str:
    """A text as it is typed in a shell, to be pasted."""
    return f'"{text}"' if "'" in text and not _EXPANDED & {*text} else shlex.quote(text)


def is_odd(text: str) -> str:
    """SQL: whether a text has a character that is to be escaped."""
    return f"{text} RLIKE '{_ODD}'"


def printable(text: str) -> str:
    """SQL: a short text with such characters as `\\u202E`.

    In SQL, not in Python, which names the variable of a function anew each time: such a plan has no fingerprint.
    """
    escaped = r"concat('\\u', lpad(hex(ascii(each)), greatest(4, length(hex(ascii(each)))), '0'))"
    each = f"CASE WHEN {is_odd('each')} THEN {escaped} ELSE each END"
    return f"CASE WHEN {is_odd(text)} THEN array_join(transform(split({text}, ''), each -> {each}), '') ELSE {text} END"
