"""Spark SQL as text, from which readers of nested values are made.

In SQL, not in Python, which names the variable of a function anew each time: such a plan has no fingerprint.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyspark.sql.functions as F
from pyspark.sql import Column


def text(value: str) -> str:
    """A text as SQL writes it, whatever characters it has."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def texts(values: Iterable[str]) -> str:
    """An array<string> of texts."""
    return f"CAST(array({', '.join(map(text, values))}) AS array<string>)"


def let(name: str, value: str, body: str) -> str:
    """`body`, in which `name` is `value`, computed once."""
    return f"transform(array({value}), {name} -> {body})[0]"


def applied(value: Column, name: str, body: str) -> Column:
    """`body`, in which `name` is a column."""
    return F.get(F.call_function("transform", F.array(value), F.expr(f"{name} -> {body}")), F.lit(0))
