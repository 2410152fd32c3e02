"""Which columns hold personal data: those a table's model marks with `metadata={"personal": True}`."""

from __future__ import annotations

from functools import cache

from pandera.pyspark import DataFrameModel


@cache
def columns(model: type[DataFrameModel] | None) -> frozenset[str]:
    """The model's personal columns; none without a model."""
    if model is None:
        return frozenset()
    found = model.to_schema().columns.items()
    return frozenset(name for name, column in found if (column.metadata or {}).get("personal"))
