"""Every table, quarantine and view of this project. Knows nothing of Dagster: whoever only reads has them soon."""

from __future__ import annotations

from lakehouse_assets import bronze, gold, serve, silver
from lakehouse_assets.engine.tables import EventTable, SourceTable, Table, quarantine_of, tables_in
from lakehouse_assets.engine.views import View

TABLES: tuple[Table, ...] = tuple(table for layer in (bronze, silver, gold) for table in tables_in(layer))
QUARANTINES = tuple(quarantine_of(table) for table in TABLES if isinstance(table, SourceTable | EventTable))
VIEWS: tuple[View, ...] = tuple(serve.views())
