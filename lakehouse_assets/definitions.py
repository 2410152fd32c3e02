"""What Dagster loads of this repository's own tables."""

from __future__ import annotations

import lakehouse_assets
from lakehouse_assets.building import build_definitions
from lakehouse_assets.registry import QUARANTINES, TABLES, VIEWS

__all__ = ["QUARANTINES", "TABLES", "VIEWS", "defs"]

defs = build_definitions(lakehouse_assets)
