"""What a broken rule does: lets nothing pass, sets its row aside, or is only reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import ClassVar

import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.history import acceptances
from lakehouse_assets.engine.rules import ReferenceRule, RowRule, UniqueRule, VolumeRule
from lakehouse_assets.engine.writing.audits import Audit
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.engine.writing.publication import RefusedError
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services

MARCH_1, MARCH_2 = date(2017, 3, 1), date(2017, 3, 2)
TOO_MUCH, LONG_NAME, NO_UNITS = "Price: less_than_or_equal_to(100)", "a product's name is short", "Quantity: not null"


class Line(DataFrameModel):
    """A line of a receipt, with a rule of each severity."""

    TransactionNo: T.StringType = Field()
    ProductNo: T.StringType = Field()
    ProductName: T.StringType = Field(nullable=True)
    Price: T.DecimalType(18, 2) = Field(le=100, metadata={"severity": {"le": "fail"}})
    Quantity: T.IntegerType = Field()
    CustomerNo: T.LongType = Field(nullable=True, metadata={"personal": True})
    is_cancellation: T.BooleanType = Field()

    class Config:
        """Over the row."""

        metadata: ClassVar = {"rules": (RowRule(LONG_NAME, "length(ProductName) < 10", severity="warn"),)}


@pytest.fixture
def lab(lab: Lab) -> Lab:
    lab.silver = replace(lab.silver, schema=Line)
    return lab


def with_rules(lab: Lab, *rules) -> Lab:
    """The lab with other rules over the rows of its silver table."""

    class Ruled(Line):
        class Config:
            metadata: ClassVar = {"rules": rules}

    lab.silver = replace(lab.silver, schema=Ruled)
    return lab


def audited(lab: Lab) -> Audit:
    publication = lab.silver.increment(lab.engine(), LATER)
    lab.publish(publication)
    return publication.audit


def refused(lab: Lab) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        lab.silver.increment(lab.engine(), LATER)
    return caught.value


def test_a_warning_is_counted_and_published_and_a_bad_row_is_set_aside_with_its_fields(lab: Lab):
    """Each broken rule has its rows, coordinates and values; personal ones are masked wherever they are shown."""
    lab.send(sale(1), sale(2, ProductName="a name beyond measure"), sale(3, Quantity=None, ProductName="x" * 20)).land()

    counted = audited(lab)

    assert counted.broken == {MARCH_1: {LONG_NAME: 2, NO_UNITS: 1}}
    assert [each.at for each in counted.samples[MARCH_1, LONG_NAME]] == ["partition 0 offset 1", "partition 0 offset 2"]
    assert counted.samples[MARCH_1, NO_UNITS][0].fields["CustomerNo"] == "•••"
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1)]
    (aside,) = lab.rows(lab.silver.quarantine)
    assert (aside["offset"], aside["reasons"]) == (2, [NO_UNITS])
    fields = dict(aside["fields"])
    assert (fields["TransactionNo"], fields["Price"], fields["CustomerNo"]) == ("3", "1.00", "•••")
    assert "Quantity" not in fields


def test_a_rule_that_fails_leaves_table_and_quarantine_as_they_were_until_its_breach_is_accepted(lab: Lab):
    """Then the row is set aside, and the acceptance is used up."""
    lab.send(sale(1)).ingest()
    lab.send(sale(2), sale(3, price=101), sale(4, Quantity=None)).land()
    versions = [lab.lake.version(key) for key in (lab.silver.key, lab.silver.quarantine)]

    error = refused(lab)

    assert f"lakehouse accept {lab.silver.key} --rule '{TOO_MUCH}'" in str(error)
    assert error.audit.breaking(TOO_MUCH, [MARCH_1]) == 1
    assert [lab.lake.version(key) for key in (lab.silver.key, lab.silver.quarantine)] == versions

    with pytest.raises(LakehouseError, match="no rule that fails is called 'x'"):
        acceptances.record_rules(lab.spark, lab.settings, lab.silver, ["x"], "somebody")
    acceptances.record_rules(lab.spark, lab.settings, lab.silver, [TOO_MUCH], "somebody")
    lab.refine()
    assert lab.coordinates(lab.silver.key) == [(0, 0), (0, 1)]
    assert sorted(row["reasons"] for row in lab.rows(lab.silver.quarantine)) == [[TOO_MUCH], [NO_UNITS]]

    lab.send(sale(5, price=102)).land()
    refused(lab)


def test_the_first_batch_can_be_accepted_as_well(lab: Lab):
    """There is no table yet that could record it: it is made."""
    lab.send(sale(1), sale(2, price=101)).land()
    refused(lab)

    acceptances.record_rules(lab.spark, lab.settings, lab.silver, [TOO_MUCH], "somebody")
    lab.refine()

    assert lab.coordinates(lab.silver.key) == [(0, 0)]


def test_a_rebuild_publishes_the_good_days_and_leaves_the_bad_one_as_it_was(lab: Lab):
    """Days passed before, under a contract that allowed more."""
    strict, lab.silver = lab.silver, replace(lab.silver, schema=loose())
    lab.send(sale(1), sale(2, price=200), sale(3, date="2017-03-02", Quantity=5)).ingest()
    before, lab.silver = lab.rows(lab.silver.key), strict

    rebuild = lab.silver.rebuild(lab.engine(), [MARCH_1, MARCH_2])
    with pytest.raises(RefusedError, match=r"2017-03-01 breaks 'Price: less_than_or_equal_to\(100\)'"):
        lab.publish_all(rebuild)

    assert lab.rows(lab.silver.key) == before
    newest = next(lab.lake.commits(lab.silver.key)).statement
    assert (newest.kind, newest.days) == ("rebuild", (MARCH_2,))


def loose() -> type[DataFrameModel]:
    class Loose(Line):
        Price: T.DecimalType(18, 2) = Field(le=1000)

    return Loose


@pytest.mark.slow
def test_rules_over_several_rows_look_at_the_days_as_they_will_be(lab: Lab):
    """A value repeated across two batches is found; one that a duplicate repeats is none; what is full fails."""
    with_rules(lab, UniqueRule(("CustomerNo",), "warn"), VolumeRule(at_most=3, severity="fail"))
    lab.send(sale(1, CustomerNo=1), sale(2, CustomerNo=2)).land()
    assert audited(lab).broken == {}

    lab.send(sale(1, CustomerNo=1), sale(3, CustomerNo=2)).land()
    counted = audited(lab)
    assert counted.broken == {MARCH_1: {"unique: CustomerNo": 2}}
    assert counted.samples[MARCH_1, "unique: CustomerNo"][0].at == "CustomerNo •••"

    lab.send(sale(4, CustomerNo=4)).land()
    assert refused(lab).audit.broken[MARCH_1]["rows a day: 0 to 3"] == 4


@pytest.mark.slow
def test_a_reference_is_looked_up_in_the_other_table_as_it_is_now(lab: Lab):
    """Unknown values are named with how many rows have them; a null is no reference."""
    other = Lab(lab.settings, lab.spark).create_topic()
    with_rules(lab, ReferenceRule("ProductNo", other.silver.key, "ProductNo", "warn"))
    lab.send(sale(1, "P1"), sale(2, "P2"), sale(3, "P2")).land()
    rule = f"ProductNo: in {other.silver.key}.ProductNo"

    assert audited(lab).broken == {MARCH_1: {rule: 3}}
    other.send(sale(1, "P1")).land()
    other.refine()
    lab.send(sale(4, "P1"), sale(5, "P9")).land()
    counted = audited(lab)

    assert counted.broken == {MARCH_1: {rule: 1}}
    assert [(each.at, each.fields) for each in counted.samples[MARCH_1, rule]] == [("ProductNo P9", {"rows": "1"})]
