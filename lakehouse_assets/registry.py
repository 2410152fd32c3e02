"""Every table, quarantine and view of this project. Knows nothing of Dagster: whoever only reads has them soon."""

from __future__ import annotations

from lakehouse_assets import bronze, gold, serve, silver
from lakehouse_assets.engine.kinds import Quarantine, Table, View
from lakehouse_assets.engine.project import tables_in

TABLES: tuple[Table, ...] = tuple(table for layer in (bronze, silver, gold) for table in tables_in(layer))
QUARANTINES: tuple[Quarantine, ...] = tuple(table.set_aside for table in TABLES if table.set_aside)
VIEWS: tuple[View, ...] = tuple(serve.views())
