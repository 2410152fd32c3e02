"""A few rows as a Markdown table; what says something about a person is masked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa

MASK = "•••"
LONGEST = 60
"""Characters of a value that are shown."""


def markdown(rows: pa.Table, personal: Collection[str] = ()) -> str:
    """The rows as a Markdown table; values of `personal` columns are masked, also where they are null."""
    names = rows.column_names
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    for row in rows.to_pylist():
        cells = [MASK if name in personal else cell(row[name]) for name in names]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(value: Any) -> str:
    """One value: short, on one line, without what Markdown would take for a new cell."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = " ".join(str(value).split()).replace("|", "\\|")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
