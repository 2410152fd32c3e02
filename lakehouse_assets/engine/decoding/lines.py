"""One record, several rows: each element of an array is a line of its own."""

from __future__ import annotations

from typing import Final

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from lakehouse_assets.engine.decoding.outcome import UNREADABLE
from lakehouse_assets.engine.names import column, own

LINE: Final = "line"
"""int: the number of an element in its record, from 0; 0 of a record without an element."""
NO_LINES: Final = "no lines"
"""What is wrong with a record that has no element to make a row of."""
ELEMENT: Final = own("element")


def numbered(rows: DataFrame, array: Column) -> DataFrame:
    """A row of each element, in the column `ELEMENT`, with its `line`; one of null where there is no element."""
    found = rows.select("*", F.posexplode_outer(array).alias(LINE, ELEMENT))
    return found.withColumn(LINE, F.coalesce(F.col(LINE), F.lit(0)))


def of_decoded(rows: DataFrame, array: str) -> DataFrame:
    """Lines of records that are read as a whole or not at all; without the name of an array the rows as they are."""
    if not array:
        return rows
    is_empty = (F.size(UNREADABLE) == 0) & (F.coalesce(F.size(column(array)), F.lit(0)) <= 0)
    said = F.when(is_empty, F.array(F.lit(f"{array}: {NO_LINES}"))).otherwise(F.col(UNREADABLE))
    found = numbered(rows.withColumn(UNREADABLE, said), column(array))
    return found.withColumn(array, column(ELEMENT)).drop(ELEMENT)
