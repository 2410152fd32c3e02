"""Every table, quarantine and view of this repository. Knows nothing of Dagster: whoever only reads has them soon."""

from __future__ import annotations

import lakehouse_assets
from lakehouse_assets.engine.project import gathered

_FOUND = gathered(lakehouse_assets)
TABLES, QUARANTINES, VIEWS = _FOUND.tables, _FOUND.quarantines, _FOUND.views
