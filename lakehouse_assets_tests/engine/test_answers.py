"""Gold tables with a grain, from the topic to the view: increments, another order, and a rebuild give the same rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from lakehouse_assets.engine.display import reading
from lakehouse_assets.engine.flow import below
from lakehouse_assets.engine.kinds import AnswerTable
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.gold import sales_customer_days, sales_product_performance
from lakehouse_assets.serve import sales_customer_value
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab, sale

MARCH_1, MARCH_2 = date(2017, 3, 1), date(2017, 3, 2)
SALES = (
    ("1", "milk", "2.50", 1, 7, MARCH_1),
    ("1", "bread", "1.25", 2, 7, MARCH_1),
    ("2", "milk", "3.00", 1, 8, MARCH_1),
    ("C1", "milk", "-2.50", -1, 7, MARCH_2),
    ("3", "milk", "4.00", 1, None, MARCH_2),
    ("4", "eggs", "9.00", 3, 8, MARCH_2),
)
"""Receipt, product, price, units, customer, day."""


def gold_tables(lab: Lab) -> tuple[AnswerTable, ...]:
    domain = lab.silver.key.split("/")[1]
    found = [sales_product_performance.table, sales_customer_days.table]
    return tuple(replace(t, key=f"gold/{domain}/{t.key.split('/')[2]}", source=lab.silver) for t in found)


def ingest(lab: Lab, sales) -> None:
    records = [
        sale(receipt, product, float(price), day.isoformat(), Quantity=units, CustomerNo=customer)
        for receipt, product, price, units, customer, day in sales
    ]
    lab.send(*records).land()
    lab.refine()
    for table in gold_tables(lab):
        lab.publish(table.increment(lab.engine(), LATER))


def shown(lab: Lab) -> list[list[dict]]:
    return [lab.rows(table.key) for table in gold_tables(lab)]


def sums(by: int) -> dict[tuple, tuple[Decimal, int]]:
    """Plain Python: revenue and lines by day and the column `by` of SALES."""
    groups = defaultdict(list)
    for row in SALES:
        groups[row[5], row[by]].append(Decimal(row[2]))
    return {key: (sum(prices), len(prices)) for key, prices in groups.items() if key[1] is not None}


def test_all_gold_tables_of_a_topic_belong_to_its_flow(tmp_path):
    lab = Lab(load(home=tmp_path), None, "one.topic")

    assert below(lab.bronze, [*gold_tables(lab), lab.silver]) == (lab.silver, *gold_tables(lab))


@pytest.mark.slow
@pytest.mark.services
def test_increments_another_order_and_a_rebuild_give_the_same_answers(lab: Lab):
    """Two batches touch the same days; the oracle is plain Python, the view agrees with its partials."""
    ingest(lab, SALES[:4])
    ingest(lab, SALES[4:])
    products, customers = shown(lab)

    assert {(r["event_date"], r["ProductNo"]): (r["revenue"], r["lines"]) for r in products} == sums(by=1)
    assert {(r["event_date"], r["CustomerNo"]): (r["revenue"], r["lines"]) for r in customers} == sums(by=4)
    for table in gold_tables(lab):
        for publication in table.rebuild(lab.engine(), [MARCH_1, MARCH_2]):
            assert publication.audit.good_rows == len(lab.rows(table.key))
            lab.publish(publication)
    assert shown(lab) == [products, customers]
    check_view(lab)

    other = Lab(lab.settings, lab.spark).create_topic()
    ingest(other, SALES[::-1])
    assert shown(other) == [products, customers]


def check_view(lab: Lab) -> None:
    """The customer's value combines both days."""
    source = gold_tables(lab)[1]
    sql = sales_customer_value.SQL.replace(sales_customer_days.table.name, source.name)
    view = replace(sales_customer_value.table, over=(source,), sql=sql)
    found = {row["CustomerNo"]: row for row in reading.read_view(lab.lake, view).to_pylist()}

    assert {number: (row["orders"], row["revenue"]) for number, row in found.items()} == {
        7: (1, Decimal("1.25")),
        8: (2, Decimal("12.00")),
    }
    assert str(found[8]["last_purchase"]) == "2017-03-02 00:00:00+00:00"
