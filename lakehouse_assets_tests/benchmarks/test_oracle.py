"""The benchmarks' oracle finds what is wrong, and nothing where all is right."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness import oracle, records, seeding
from benchmarks.harness.cases import WrongResultError
from benchmarks.harness.records import Till
from lakehouse_assets.demo import faults, transactions
from lakehouse_assets.demo.faults import Fate
from lakehouse_assets_tests.oracle import reading

DAYS = [date(2017, 3, 1), date(2017, 3, 2)]
SOLD = {
    "TransactionNo": "7",
    "Date": "2017-03-01T08:00:00Z",
    "ProductNo": "P1",
    "Price": 1.5,
    "Quantity": 2,
    "CustomerNo": 3,
}


def said(**fields: object) -> bytes:
    return json.dumps(SOLD | fields).encode()


def gold(facts: pa.Table) -> dict[str, pa.Table]:
    """Gold in plain Python, with sets and sums of its own."""
    rows = facts.to_pylist()
    by = {
        "gold": lambda row: (row["event_date"],),
        "product_performance": lambda row: (row["event_date"], row["ProductNo"]),
        "customer_days": lambda row: (row["event_date"], row["CustomerNo"]),
    }
    keys = {"gold": reading.GOLD, "product_performance": reading.PRODUCTS, "customer_days": reading.CUSTOMERS}
    made = {}
    for name, grain in by.items():
        groups: dict[tuple, list[dict]] = {}
        for row in rows:
            groups.setdefault(grain(row), []).append(row)
        columns = reading.SOURCES[keys[name]].columns
        answers = [{each: measured(each, group) for each in columns} for group in groups.values()]
        made[name] = pa.Table.from_pylist(answers, pa.schema(list(columns.items())))
    return made


def measured(name: str, group: list[dict]) -> object:
    sold, back = [each for each in group if not each["is_cancellation"]], [e for e in group if e["is_cancellation"]]
    total = {"revenue": group, "sales": sold, "cancelled": back}
    if name in total:
        return sum((each["Price"] for each in total[name]), Decimal("0.00"))
    found = {
        "transactions": len({each["TransactionNo"] for each in sold}),
        "orders": len({each["TransactionNo"] for each in sold}),
        "lines": len(group),
        "units": sum(each["Quantity"] for each in group),
        "customers": len({each["CustomerNo"] for each in group}),
        "last_purchase": max((each["event_time"] for each in sold), default=None),
    }
    return found[name] if name in found else group[0][name]


def values(count: int) -> list[bytes]:
    return [each.message().value for each in Till(DAYS).sell(count)]


@settings(deadline=None, max_examples=25)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_facts_do_not_depend_on_the_order_in_which_records_are_looked_at(draw: Random, copies: int):
    """Nor on how often one is repeated further on in its partition."""
    sold = [*oracle.sent(values(120))]
    repeated = [*sold, *(oracle._Sent(0, 1000 + n, r.value) for n, r in enumerate(sold[:10] * copies))]
    draw.shuffle(repeated)

    assert oracle.facts(repeated).sort_by("TransactionNo") == oracle.facts(sold).sort_by("TransactionNo")


def test_the_first_record_of_a_grain_counts():
    [row] = oracle.facts(oracle.sent([said(Price=1.5), said(Price=9.5)])).to_pylist()

    assert (row["Price"], row["event_date"]) == (Decimal("1.50"), date(2017, 3, 1))


@pytest.mark.parametrize(
    "value",
    [
        *(
            b"",
            b"{",
            b"\xff\xfe",
            said(Price="n/a"),
            said(Price={"a": 1}),
            said(Quantity="several"),
            said(ProductNo=None),
        ),
        *(said(TransactionNo=None), said(Quantity=None), said(Date="2099-01-01T00:00:00Z"), said(Date="1970-01-01")),
    ],
)
def test_what_is_no_sale_does_not_count(value):
    assert oracle.facts(oracle.sent([value])).num_rows == 0


def test_gold_that_is_right_passes():
    facts = pa.concat_tables([oracle.facts(oracle.sent(values(200))), seeding.facts(0, 100, DAYS)])

    oracle.check(facts, gold(facts))
    oracle.check(facts, gold(facts), DAYS[:1])


@pytest.mark.parametrize("name", ["gold", "product_performance", "customer_days"])
def test_a_line_too_many_in_any_table_is_found(name):
    facts = oracle.facts(oracle.sent(values(60)))
    right, more = gold(facts), gold(pa.concat_tables([facts, facts.slice(0, 1)]))

    with pytest.raises(WrongResultError):
        oracle.check(facts, {**right, name: more[name]})


def test_silver_is_held_to_the_facts_row_by_row():
    facts = oracle.facts(oracle.sent(values(60)))

    oracle.check_silver(facts, facts)
    with pytest.raises(WrongResultError, match="silver"):
        oracle.check_silver(facts, facts.slice(1))
    with pytest.raises(WrongResultError, match="silver"):
        oracle.check_silver(facts, pa.concat_tables([facts, facts.slice(0, 1)]))


def test_rows_of_the_past_are_alike_however_they_are_cut():
    whole = seeding.facts(0, 100, DAYS)

    assert pa.concat_tables([seeding.facts(0, 30, DAYS), seeding.facts(30, 70, DAYS)]).combine_chunks() == whole
    assert whole["Price"][0].as_py() == Decimal("0.01")
    assert whole["event_time"][1].as_py() == datetime(2017, 3, 2, 0, 0, 1, tzinfo=UTC)


def test_of_the_real_lines_those_count_that_the_demo_calls_published():
    """Its plan says so, line by line; the oracle knows nothing of it."""
    every = 3_000
    lines = transactions.load()
    sampled = lines.taken(np.arange(0, len(lines), every))
    plan = faults.plan(sampled.window(0, len(sampled)), records.SEED, 0, len(sampled))
    fates = [faults.FATES[faults.LABELS[code]] for code in plan.code.tolist()]
    found = oracle.facts(oracle.sent(each.value for each in records.real(every)))

    assert {*fates} > {Fate.PUBLISHED, Fate.QUARANTINED}
    assert found.num_rows == fates.count(Fate.PUBLISHED)
