"""Tables added to a copy of the project by a file and its test each, fed from real topics, read by delta-rs."""

from __future__ import annotations

import json
import re
import time
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lakehouse_assets.access import s3
from lakehouse_assets_tests.engine.decoding.avro_writer import written as in_avro
from lakehouse_assets_tests.payments import METHODS, Payments
from lakehouse_assets_tests.shop import Shop, text

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1200)]

PAID, REFUNDED = "bronze/sales/payments", "bronze/sales/refunds"
ABOVE = (PAID, "silver/sales/payments", REFUNDED, "gold/sales/daily_payments")
MILLIS_2026 = 1_767_225_600_000
DAY_MILLIS = 86_400_000
FIRST_DAY = date(2026, 1, 1)


@pytest.fixture(scope="module")
def shop(services, tmp_path_factory) -> Shop:
    """What most of the tables live on: payments and refunds, of docs/tables.md."""
    return Shop.opened(services, tmp_path_factory.mktemp("shop"), *ABOVE)


@pytest.fixture(scope="module")
def payments(shop: Shop) -> Payments:
    return Payments(shop.settings, shop.domain).create().pay().refund()


def test_events_of_two_topics_with_other_fields(shop: Shop, payments: Payments):
    shop.add("silver/sales/movements")
    with shop.working() as at_work:
        shop.run(at_work, PAID, REFUNDED)
        payments.refund().pay()
        shop.run(at_work, REFUNDED, PAID)

    assert shop.rows("silver/sales/movements", '"No", kind, "Amount"') == payments.movements()


def test_an_answer_over_two_tables_of_events(shop: Shop, payments: Payments):
    shop.add("gold/sales/daily_balance")
    with shop.working() as at_work:
        shop.run(at_work, PAID)
        payments.refund().pay()
        shop.run(at_work, REFUNDED, PAID)

    assert shop.rows("gold/sales/daily_balance", "event_date, amount") == payments.daily_balance()


def test_months_of_days_and_a_sum_over_seven_days(shop: Shop, payments: Payments):
    shop.add("gold/sales/monthly_payments")
    shop.add("gold/sales/week_to_date")
    with shop.working() as at_work:
        shop.run(at_work, PAID)
        payments.pay(5)
        shop.run(at_work, PAID)

    daily = shop.rows("gold/sales/daily_payments", 'event_date, "Method", amount, payments')
    assert daily == payments.daily_payments()
    assert shop.rows("gold/sales/monthly_payments", "event_month, payments") == payments.monthly_payments()
    assert shop.rows("gold/sales/week_to_date", "event_date, payments") == payments.week_to_date()


def test_one_select_in_a_file_beside_the_tables(shop: Shop, payments: Payments):
    shop.add("gold/sales/refund_rate")
    payments.pay().refund()
    with shop.working() as at_work:
        shop.run(at_work, PAID, REFUNDED)

    expected = [each | {"rate": pytest.approx(each["rate"], abs=1e-5)} for each in payments.refund_rate()]
    assert shop.rows("gold/sales/refund_rate", "event_date, rate") == expected


def test_events_by_the_hour(shop: Shop):
    """A draft, and gold by the hour of it."""
    shop.add("bronze/sales/visits")
    shop.add("gold/sales/hourly_pages")
    topic, start = shop.topic("visits"), datetime(2026, 1, 1, tzinfo=UTC)
    at = {number: start + timedelta(minutes=17 * number) for number in range(20)}
    sent = [{"VisitNo": str(no), "At": f"{each:%FT%TZ}", "Pages": no % 3} for no, each in at.items()]
    with shop.working() as at_work:
        for batch in (sent[:12], sent[8:]):
            shop.send(topic, *batch)
            shop.run(at_work, "bronze/sales/visits")

    pages: Counter[str] = Counter()
    for no, each in at.items():
        pages[f"{each:%F-%H:00}"] += no % 3
    visits = [{"VisitNo": str(no), "event_hour": f"{each:%F-%H:00}"} for no, each in at.items()]
    assert shop.rows("silver/sales/visits", '"VisitNo", event_hour') == sorted(visits, key=repr)
    assert shop.rows("gold/sales/hourly_pages", "event_hour, pages") == [
        {"event_hour": hour, "pages": number} for hour, number in sorted(pages.items())
    ]


def test_a_dimension_that_comes_after_the_events(shop: Shop, payments: Payments):
    """`lakehouse backfill TABLE stale` counts the days computed without its names; their rebuild has them."""
    shop.add("bronze/sales/methods")
    shop.add("gold/sales/labelled_payments")
    labels, key = {"card": "Credit card"}, shop.key("gold/sales/labelled_payments")
    first, *others = sorted(payments.days())
    with shop.working() as at_work:
        shop.run(at_work, PAID)
        assert labelled(shop) == payments.labelled_payments(labels, set())
        drop_names(shop, "Method,Label\ncard,Card\ncard,Credit card\n")
        shop.run(at_work, "bronze/sales/methods", PAID)
        assert labelled(shop) == payments.labelled_payments(labels, set())
        assert stale(shop) == 1 + len(others)
        assert at_work.ask("rebuild", key, str(first)) == ["True"]
        assert labelled(shop) == payments.labelled_payments(labels, {first})
        assert stale(shop) == len(others)
        assert at_work.ask("rebuild", key, *map(str, others)) == ["True"] * len(others)
    assert stale(shop) == 0
    assert labelled(shop) == payments.labelled_payments(labels, payments.days())
    assert {*METHODS} - {*labels}, "some have no name"


def drop_names(shop: Shop, lines: str) -> None:
    key = f"landing/{shop.domain}/methods/names.csv"
    s3.client(shop.settings).put_object(Bucket=shop.settings.bucket, Key=key, Body=lines.encode())
    time.sleep(shop.settings.drop_settle_seconds + 1)


def labelled(shop: Shop) -> list[dict[str, Any]]:
    return shop.rows("gold/sales/labelled_payments", 'event_date, "Label", amount')


def stale(shop: Shop) -> int:
    """How many days the command would rebuild, without those between them that it takes along."""
    said = shop.copy.lakehouse("backfill", shop.key("gold/sales/labelled_payments"), "stale", "--dry-run")
    along, days = (re.search(rf"(\d+) days? {of}", said) for of in ("between", "in"))
    return (int(days[1]) if days else 0) - (int(along[1]) if along else 0)


def test_orders_with_their_lines(services, tmp_path):
    """One bad line of a good order is set aside alone; an order that comes again is one of losers, line by line."""
    shop, keys = Shop.opened(services, tmp_path), ("bronze/sales/orders", "silver/sales/order_lines")
    for key in keys:
        shop.add(key)
    shop.tested(keys[1])
    topic, orders = shop.topic("orders"), [order(number) for number in range(9)]
    with shop.working() as at_work:
        for batch in (orders[:6], orders[4:]):
            shop.send(topic, *batch)
            shop.run(at_work, keys[0])

    lines = [(each["OrderNo"], no, line) for each in orders for no, line in enumerate(each["lines"])]
    good = [(order_no, no, line) for order_no, no, line in lines if isinstance(line["units"], int)]
    assert shop.rows(keys[1], '"OrderNo", line_no, sku, units, cardinality(losers) AS again') == sorted(
        ({"OrderNo": order_no, "line_no": no, **line, "again": int(order_no in "45")} for order_no, no, line in good),
        key=repr,
    )
    aside = shop.rows(f"{keys[1]}_quarantine", '"offset", line, reasons')
    sent = [each["lines"] for each in orders[:6] + orders[4:]]
    assert len(aside) == sum(sum(line["units"] == "x" for line in each) if each else 1 for each in sent)
    assert {reason.split(":")[0] for each in aside for reason in each["reasons"]} == {"lines[].units", "lines"}


def order(number: int) -> dict[str, Any]:
    """Of no lines to three; the second line of every other order has no number of units."""
    lines = [{"sku": f"p{no}", "units": "x" if no == 1 and number % 2 else no + 1} for no in range(number % 4)]
    return {"OrderNo": str(number), "At": f"2026-01-0{1 + number % 3}T10:00:00Z", "lines": lines}


def test_avro_from_a_topic_to_gold(shop: Shop):
    keys = ("bronze/shop/orders", "silver/shop/orders", "gold/shop/daily_orders")
    for key in keys:
        shop.add(key, document="avro.md")
    shop.tested(*keys)
    topic, schema = shop.topic("orders"), json.loads(re.search(r'"""(\{.*?\})"""', text("avro.md"), re.DOTALL)[1])
    orders = [
        {
            "no": str(no),
            "at": MILLIS_2026 + no * DAY_MILLIS // 5,
            "cents": 25 * no + 25,
            "coupon": "x" * (no % 2) or None,
        }
        for no in range(20)
    ]
    with shop.working() as at_work:
        for batch in (orders[:12], orders[8:]):
            records = [in_avro(schema, each | {"amount": each["cents"].to_bytes(3)}) for each in batch]
            shop.send(topic, *records, records[0] + b"\x00", b"\xff")
            shop.run(at_work, keys[0])

    days: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for each in orders:
        days[FIRST_DAY + timedelta(days=int(each["no"]) // 5)].append(each)
    assert shop.rows(keys[2], "event_date, orders, coupons, amount") == [
        {
            "event_date": day,
            "orders": len(of),
            "coupons": sum(each["coupon"] is not None for each in of),
            "amount": Decimal(sum(each["cents"] for each in of)) / 100,
        }
        for day, of in sorted(days.items())
    ]
    assert len(shop.rows(f"{keys[1]}_quarantine", "reasons")) == 4


def test_fields_with_names_that_no_column_can_have(shop: Shop):
    """`@ts`, `user-id`, `a.b`, `value`, `offset`; `rank` and `Rank`, which one record has both of."""
    keys = ("bronze/shop/ranks", "silver/shop/ranks", "gold/shop/user_ranks")
    for key in keys:
        shop.add(key, document="names.md")
    shop.tested(*keys)
    topic = shop.topic("ranks")
    plain = {"@ts": MILLIS_2026, "user-id": "u1", "a.b": 1, "value": 5, "offset": 0, "rank": 9}
    other = plain | {"user-id": "u2", "@ts": MILLIS_2026 + DAY_MILLIS, "Rank": 3, "rank": 4}
    capital = {name: each for name, each in plain.items() if name != "rank"} | {"Rank": 1, "offset": 7}
    with shop.working() as at_work:
        for batch in ([plain, other], [plain | {"offset": 1, "Rank": 2}, capital, plain | {"offset": 2}, plain]):
            shop.send(topic, *batch)
            shop.run(at_work, keys[0])

    assert shop.rows(keys[2], "event_date, user_id, worth, a_b, till_offset, best") == [
        {"event_date": FIRST_DAY, "user_id": "u1", "worth": 15, "a_b": 3, "till_offset": 2, "best": 2},
        {"event_date": date(2026, 1, 2), "user_id": "u2", "worth": 5, "a_b": 1, "till_offset": 0, "best": 3},
    ]
    assert [row["reasons"] for row in shop.rows(f"{keys[1]}_quarantine", "reasons")] == [["rank: absent"]]
