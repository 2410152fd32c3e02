"""Rows that share the values of columns that only one row may have."""

from __future__ import annotations

from collections.abc import Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, Window

_SHARED = "__shared"


def shared(columns: Sequence[str]) -> Column:
    """Boolean, never null: whether another row has the same values of these columns; for a `select`, as it is a window.

    Nulls equal each other, as Pandera's `unique` has it; so do NaN and NaN, and 0.0 and -0.0.
    """
    return F.count(F.lit(1)).over(Window.partitionBy(*columns)) > F.lit(1)


def repeated(rows: DataFrame, columns: Sequence[str]) -> DataFrame:
    """All rows that share their values of these columns with another row, each as often as it is there."""
    return rows.withColumn(_SHARED, shared(columns)).where(F.col(_SHARED)).drop(_SHARED)
