"""Retail transactions, typed and deduplicated."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pyspark.sql.functions as F
import pytest

from lakehouse_assets.engine.payload import parse_json
from lakehouse_assets.engine.writing.publication import RefusedError
from lakehouse_assets.engine.writing.verdicts import set_aside, typed_rows
from lakehouse_assets.silver.sales_transactions import PAYLOAD, table
from lakehouse_assets.testing import bronze_rows, check_events
from lakehouse_assets_tests.engine.lab import sale

pytestmark = pytest.mark.services

DAY = date(2017, 3, 1)


def test_good_records_are_typed_and_bad_ones_say_why(spark):
    """The lowest coordinate of a grain wins; what can't be read or breaks a rule is set aside."""
    check_events(
        table,
        spark,
        records=[sale(1, price=2.5), sale("C2", price=-1), sale(1, price=9), sale("x"), sale(3, Price="2"), b"{"],
        rows=[
            {"TransactionNo": "1", "event_date": DAY, "Price": Decimal("2.50"), "is_cancellation": False},
            {"TransactionNo": "C2", "event_date": DAY, "Price": Decimal("-1.00"), "is_cancellation": True},
        ],
        broken=[
            [r"TransactionNo: str_matches(C?\d+$)"],
            ["Price: not a decimal(18,2)"],
            ["value: not a JSON object"],
        ],
    )


def test_what_is_odd_is_reported_and_what_is_absurd_lets_nothing_pass(spark):
    """A sale that takes units back is published; one of more than a million dollars stops the batch."""
    odd = sale(1, price=1, Quantity=-1)
    check_events(table, spark, records=[odd], rows=[{"Quantity": -1}], reported={"a sale takes nothing back": 1})
    beyond, rule = [odd, sale("x"), sale(2, price=1_000_001)], "Price: less_than_or_equal_to(1000000)"
    check_events(table, spark, records=beyond, refused=[rule])
    with pytest.raises(RefusedError, match=re.escape(rule)):
        check_events(table, spark, records=beyond, broken=[["a name that is wrong hides no refusal"]])
    with pytest.raises(AssertionError, match="refused by"):
        check_events(table, spark, records=beyond, refused=["another rule"])
    with pytest.raises(AssertionError, match="refused by"):
        check_events(table, spark, records=[odd], refused=[rule])


def test_the_quarantine_says_what_came_and_hides_persons(spark):
    """Three ways to have no date are three reasons; the pattern's end is the end of the text."""
    undated = json.loads(sale(5))
    del undated["Date"]
    records = [
        sale(1, Price="2"),
        sale(2, CustomerNo="Smith"),
        sale(3, date="01/03/2017"),
        sale(4, date="2017-02-30"),
        json.dumps(undated).encode(),
        sale("6\r"),
        b'{"Price":1,"Country":"K\xf8benhavn"}',
    ]
    aside = set_aside(table, typed_rows(table, [bronze_rows(table, spark, records)])).orderBy("offset").collect()

    assert [row["reasons"] for row in aside] == [
        ['Price: not a decimal(18,2): "2"'],
        ["CustomerNo: not a bigint: •••"],
        ['Date: not a timestamp: "01/03/2017"'],
        ['Date: not a timestamp: "2017-02-30"'],
        ["Date: absent"],
        [r"TransactionNo: str_matches(C?\d+$)"],
        ["value: not UTF-8: line 1, byte 24"],
    ]


def test_what_came_is_hidden_where_the_transform_renames_it(spark):
    """Nobody knows then whether it is personal: the column it was read into is none of the model's."""

    def renamed(records):
        typed = parse_json(records, PAYLOAD, columns={"Date": "event_time", "CustomerNo": "household"})
        made = {"CustomerNo": F.col("household"), "is_cancellation": F.lit(False)}
        return typed.withColumns(made)

    other = replace(table, transform=renamed)
    records = [sale(1, CustomerNo="Smith", Price="2"), sale(2, date="01/03/2017")]
    aside = set_aside(other, typed_rows(other, [bronze_rows(other, spark, records)])).orderBy("offset").collect()

    assert [sorted(row["reasons"]) for row in aside] == [
        ["CustomerNo: not a bigint: •••", 'Price: not a decimal(18,2): "2"'],
        ['Date: not a timestamp: "01/03/2017"'],
    ]


def test_the_helper_fails_when_a_row_is_not_as_expected(spark):
    """Records may be given as objects; a wrong expectation is an AssertionError that shows both."""
    with pytest.raises(AssertionError, match=r"found .*2.50.*\n.*expected .*2.51"):
        check_events(table, spark, records=[json.loads(sale(1, price=2.5))], rows=[{"Price": Decimal("2.51")}])
