"""Markdown tables as Dagster shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()) -> str:
    """A Markdown table; the columns named in `right` are aligned to the right."""
    to_the_right = set(right)
    rules = ["---:" if name in to_the_right else "---" for name in header]
    return "\n".join(_line(cells) for cells in (header, rules, *rows))


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(_escaped(str(cell)) for cell in cells)} |"


def _escaped(text: str) -> str:
    """Without what would end a cell or be taken for a tag, a link or emphasis."""
    flat = " ".join(text.split())
    return "".join(f"\\{char}" if char in "\\|<>[]*`" else char for char in flat)
