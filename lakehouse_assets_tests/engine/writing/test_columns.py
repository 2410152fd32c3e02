"""A column that the model no longer has is dropped for good, or carries its values under its new name."""

from __future__ import annotations

from dataclasses import replace

import pyspark.sql.functions as F
import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field
from pyspark.errors import AnalysisException

from lakehouse_assets.engine.payload import parse_json
from lakehouse_assets.engine.writing import columns
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.engine.writing.publication import publish
from lakehouse_assets.errors import ContractError, LakehouseError, PlanError
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services
READ = {"TransactionNo": T.StringType(), "Quantity": T.IntegerType()}


class Before(DataFrameModel):
    TransactionNo: T.StringType = Field()
    Quantity: T.IntegerType = Field()
    Shop: T.StringType = Field(nullable=True)


class After(DataFrameModel):
    TransactionNo: T.StringType = Field()
    units: T.LongType = Field()


def modelled(lab: Lab, model: type[DataFrameModel]) -> Lab:
    def transform(records):
        rows = parse_json(records, READ, optional=("Shop",)).drop("undeclared")
        named = rows.withColumn("units", F.col("Quantity").cast("bigint")).withColumn("Shop", F.lit("s"))
        return named.drop(*{"Quantity", "units", "Shop"} - {*model.to_schema().columns})

    lab.silver = replace(lab.silver, schema=model, grain=("TransactionNo",), transform=transform)
    return lab


@pytest.mark.slow
def test_a_renamed_column_carries_its_values_and_a_dropped_one_is_gone(lab: Lab):
    """As delta-rs reads it; a batch planned before writes nothing; what the model needs is not touched."""
    modelled(lab, Before).send(sale(1, Quantity=3), sale(2, Quantity=4)).land()
    lab.refine()
    modelled(lab, After).send(sale(3, Quantity=5)).land()
    with pytest.raises(ContractError, match="Quantity, Shop is not in the model any longer"):
        lab.silver.increment(lab.engine(), LATER)
    said = (lab.spark, lab.settings, lab.silver)
    for wrong in (
        lambda: columns.drop(*said, "TransactionNo", "me"),
        lambda: columns.drop(*said, "event_date", "me"),
        lambda: columns.drop(*said, "nope", "me"),
        lambda: columns.rename(*said, "Quantity", "Units", "me"),
        lambda: columns.rename(*said, "Shop", "units", "me"),
        lambda: columns.drop(lab.spark, lab.settings, lab.bronze, "value", "me"),
    ):
        with pytest.raises(LakehouseError):
            wrong()

    modelled(lab, Before)
    older = lab.silver.increment(lab.engine(), LATER)
    modelled(lab, After)
    position = lab.position(lab.silver)
    columns.rename(lab.spark, lab.settings, lab.silver, "Quantity", "units", "me")
    columns.drop(lab.spark, lab.settings, lab.silver, "Shop", "me")
    assert lab.position(lab.silver) == position
    assert lab.rows(lab.silver.key, '"TransactionNo", "units"') == [
        {"TransactionNo": "1", "units": 3},
        {"TransactionNo": "2", "units": 4},
    ]
    assert not {"Quantity", "Shop"} & {field.name for field in lab.lake.schema(lab.silver.key)}
    stated = [each.statement.columns for each in lab.lake.commits(lab.silver.key) if each.statement]
    assert stated[:2] == [("Shop",), ("Quantity", "units")]

    with pytest.raises((PlanError, AnalysisException)):
        publish(lab.spark, lab.lake, replace(older, change=type(older.change)(), rows=older.rows.limit(0)))
    lab.refine()
    units = [row["units"] for row in lab.rows(lab.silver.key, '"TransactionNo", "units"')]
    assert units == [3, 4, 5]
