"""The product list as dropped.

Grain: one row per line of a dropped file. Source: CSV files below `landing/sales/products/`. Owner: sales-data.
"""

from __future__ import annotations

from lakehouse_assets.engine.kinds import DropTable

table = DropTable(
    key="bronze/sales/products",
    owner="team:sales-data",
    description="Products as dropped: one row per line of a CSV file, kept as a JSON object of strings.",
    prefix="landing/sales/products/",
    required=("ProductNo", "ProductName", "Department", "Brand"),
    freshness_hours=7 * 24,
)
