"""Completeness: a transform that loses or doubles records publishes nothing, whoever asks it."""

from __future__ import annotations

from dataclasses import replace

import pyspark.sql.functions as F
import pytest

from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.errors import ContractError
from lakehouse_assets.silver import sales_transactions as silver
from lakehouse_assets.testing import check_events
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services


def doubled(records):
    """Two rows of each record with units."""
    copies = F.when(F.col("Quantity") > 0, F.array(F.lit(1), F.lit(2))).otherwise(F.array(F.lit(1)))
    return silver.transform(records).withColumn("copy", F.explode(copies))


def thinned(records):
    """No row of a record without units."""
    return silver.transform(records).where("Quantity > 0")


def swapped(records):
    """As many rows as records, and yet not one of each."""
    return thinned(records).withColumn("copy", F.explode(F.array(F.lit(1), F.lit(2))))


COUNTS = {
    doubled: "3 rows of 2 records: 0 have none, 1 have more than one",
    thinned: "1 rows of 2 records: 1 have none, 0 have more than one",
    swapped: "2 rows of 2 records: 1 have none, 1 have more than one",
}


@pytest.mark.parametrize("transform", COUNTS, ids=lambda each: each.__name__)
def test_the_helper_for_tests_refuses_it_with_the_counts(spark, transform):
    with pytest.raises(ContractError, match=COUNTS[transform]):
        check_events(replace(silver.table, transform=transform), spark, [sale(1), sale(2, Quantity=0)], rows=[])


def test_an_increment_a_rebuild_and_a_replay_refuse_it(lab: Lab):
    """What was published, and what was set aside, is as it was."""
    lab.send(sale(1), sale(2, Quantity=0), sale("x", Quantity=0)).ingest()
    version, good = lab.lake.version(lab.silver.key), lab.silver
    lab.silver = replace(good, transform=thinned)
    days = sorted(lab.lake.days(lab.silver.key))

    with pytest.raises(ContractError, match="1 rows of 3 records: 2 have none"):
        lab.publish_all(lab.silver.rebuild(lab.engine(), days))
    with pytest.raises(ContractError, match="0 rows of 1 records: 1 have none"):
        lab.publish_all(lab.silver.replay(lab.engine(), days))
    lab.send(sale(4, Quantity=0)).land()
    with pytest.raises(ContractError, match="0 rows of 1 records: 1 have none"):
        lab.silver.increment(lab.engine(), LATER)
    assert lab.lake.version(lab.silver.key) == version
