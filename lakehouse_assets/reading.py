"""The light reader of a project's tables and views: by delta-rs, without Spark.

from lakehouse_assets import reading

reading.read("serve/sales/customer_value", where="orders > 10", limit=100).to_pandas()
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import load

if TYPE_CHECKING:
    import pyarrow as pa


def read(key: str, *, where: str = "", limit: int | None = None) -> pa.Table:
    """The rows of a view, a table or a quarantine of the project that this process works for.

    `where` is a condition over its columns in DataFusion's SQL. Only for a view are the project's files imported: a
    table is read by its log alone.

    Raises:
        LakehouseError: there is no such table, it holds nothing yet, or the condition cannot be understood.
    """
    from lakehouse_assets.engine.display.table_reading import NoTableError, read_table

    lake = Lake(load())
    try:
        return _view(lake, key, where, limit) if key.startswith("serve/") else read_table(lake, key, where, limit)
    except NoTableError as error:
        raise _missing(key) from error


def _missing(key: str) -> LakehouseError:
    """One that is declared comes by itself; of another one the nearest name is told."""
    from lakehouse_assets.engine.project import registry

    found = registry()
    known = [each.key for each in (*found.tables, *found.quarantines, *found.views)]
    if key in known:
        do = "Its first row makes it; `lakehouse status` says how far its source is"
        return LakehouseError("holds nothing yet", where=key, do=do)
    near = get_close_matches(key, known, 1)
    do = f"Perhaps {near[0]} is meant" if near else f"Give one of: {', '.join(known)}"
    return LakehouseError("there is no such table", where=key, do=do)


def _view(lake: Lake, key: str, where: str, limit: int | None) -> pa.Table:
    from lakehouse_assets.engine.display.reading import read_view
    from lakehouse_assets.engine.display.table_reading import read_table
    from lakehouse_assets.engine.project import registry

    view = next((view for view in registry().views if view.key == key), None)
    return read_view(lake, view, where, limit) if view else read_table(lake, key, where, limit)
