"""Texts that a producer chose, as reasons show them: short, on one line, every odd character escaped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MOST_CHARACTERS: Final = 100
MOST_REASON_CHARACTERS: Final = 300
_MOST_LISTED: Final = 8


def shown(text: str) -> str:
    r"""A text in quotes, cut, with control characters escaped.

    >>> shown("a\nb")
    "'a\\nb'"
    """
    cut = text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS]
    quoted = repr(cut)
    return quoted if len(quoted) <= MOST_CHARACTERS + 2 and len(cut) == len(text) else _ended(quoted, MOST_CHARACTERS)


def listed(texts: Sequence[str]) -> str:
    """Several texts, of many only the first ones and how many follow."""
    names = ", ".join(map(shown, texts[:_MOST_LISTED]))
    more = len(texts) - _MOST_LISTED
    return f"{names} and {more:,} more" if more > 0 else names


def reason(text: str) -> str:
    """A whole reason, cut."""
    return text if len(text) <= MOST_REASON_CHARACTERS else _ended(text, MOST_REASON_CHARACTERS)


def _ended(text: str, most: int) -> str:
    return text[: most - 1] + "…"
