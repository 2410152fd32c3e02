"""Serve: views over gold, combined when they are read; and the light reader of every table.

from lakehouse_assets import serve

serve.read("serve/sales/customer_value", where="orders > 10", limit=100).to_pandas()
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import cast

import pyarrow as pa

from lakehouse_assets.engine.display.reading import read_view
from lakehouse_assets.engine.display.table_reading import read_table
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.kinds import View
from lakehouse_assets.engine.project import tables_in
from lakehouse_assets.settings import load


def views() -> Iterator[View]:
    """Every view, by file name."""
    yield from cast("Iterator[View]", tables_in(sys.modules[__name__]))


def read(key: str, *, where: str = "", limit: int | None = None) -> pa.Table:
    """The rows of a view, a table or a quarantine, read by delta-rs without Spark.

    `where` is a SQL condition over its columns.

    Raises:
        LakehouseError: there is no such table, or the condition cannot be understood.
    """
    lake = Lake(load())
    view = next((view for view in views() if view.key == key), None)
    return read_view(lake, view, where, limit) if view else read_table(lake, key, where, limit)
