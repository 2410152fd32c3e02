"""A table whose records are nested goes through the engine's verdicts as any other."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pyspark.sql.functions as F
import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.decoding import Json
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS
from lakehouse_assets.engine.writing.deduplication import Precedence
from lakehouse_assets.engine.writing.verdicts import set_aside, typed_rows, winners
from lakehouse_assets.silver import sales_transactions as silver
from lakehouse_assets.testing import bronze_rows

pytestmark = pytest.mark.services
LINES = T.ArrayType(T.StructType([T.StructField("sku", T.StringType()), T.StructField("price", T.DecimalType(18, 2))]))
LABELS = T.MapType(T.StringType(), T.StringType())
ORDER = Json({"no": T.StringType(), "lines": LINES, "labels": LABELS}, optional=("labels",))


class Order(DataFrameModel):
    """One order."""

    no: T.StringType = Field()
    lines: LINES = Field(metadata={"personal": True})  # type: ignore[valid-type]
    labels: LABELS = Field(nullable=True)  # type: ignore[valid-type]


TABLE = replace(silver.table, schema=Order, grain=("no",), transform=ORDER.decode)
SENT = [
    b'{"no":"1","lines":[{"sku":"a","price":2.5,"Colour":"red"}],"labels":{"k":"v"}}',
    b'{"no":"1","lines":[{"sku":"a","price":2.5,"Colour":"red"}],"labels":{"k":"v"}}',
    b'{"no":"2","lines":[{"sku":"secret","price":"2.5"}],"labels":{"k":1}}',
]


def test_nested_rows_are_published_and_broken_ones_are_set_aside_with_their_paths(spark):
    """What came of a personal field is masked, also where it was found deep inside."""
    typed = typed_rows(TABLE, [bronze_rows(TABLE, spark, SENT)]).localCheckpoint()

    [row] = winners(TABLE, typed, Precedence()).collect()
    [aside] = set_aside(TABLE, typed).collect()

    assert (row["no"], row["labels"]) == ("1", {"k": "v"})
    assert [line.asDict() for line in row["lines"]] == [{"sku": "a", "price": Decimal("2.50")}]
    assert row["undeclared"] == {"lines[].colour": "red"}
    assert aside["reasons"] == ["lines[].price: not a decimal(18,2): •••", "labels[]: not a string: 1 at labels[k]"]
    remarks = typed.where(F.size(REASONS) == 0).select(REMARKS).first()
    assert remarks[0] == ["lines[].colour: not declared"]
