"""A diamond: two tables of one topic and one over both, while one of the two is held for long."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest

from lakehouse_assets_tests.shop import Shop
from lakehouse_assets_tests.workers import Worker

HELD_SECONDS = float(os.environ.get("LAKEHOUSE_TESTS_HELD_SECONDS", "3600"))
pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(HELD_SECONDS + 1200)]

FIRST_DAY = date(2026, 1, 1)
RULE = "Price: less_than_or_equal_to(100)"


@pytest.fixture
def shop(services, tmp_path) -> Shop:
    return Shop.opened(services, tmp_path)


TICKETS, PRICED, ISSUED, JOINED = (
    "bronze/shop/tickets",
    "silver/shop/priced",
    "silver/shop/issued",
    "gold/shop/ticket_days",
)


def test_a_diamond_one_side_of_which_is_held_for_long(shop: Shop):
    """The other side goes on, and what lives on both waits; once the rule is accepted it is as if rebuilt."""
    for key in (TICKETS, PRICED, ISSUED, JOINED):
        shop.add(key, document="diamond.md")
    shop.tested(TICKETS, PRICED, ISSUED, JOINED)
    topic, sent = shop.topic("tickets"), []
    with shop.working() as at_work:
        take_in(shop, at_work, topic, sent, 3)
        before = ticket_days(shop)
        assert before == expected_days(sent)
        take_in(shop, at_work, topic, sent, 3, price=101)
        until = time.monotonic() + HELD_SECONDS
        while time.monotonic() < until:
            take_in(shop, at_work, topic, sent, 2)
            assert len(shop.rows(ISSUED, '"No"')) == len(sent)
            assert len(shop.rows(PRICED, '"No"')) == 3
            assert ticket_days(shop) == before
            time.sleep(min(HELD_SECONDS / 20, 60))
        shop.copy.lakehouse("accept", shop.key(PRICED), "--rule", RULE)
        shop.run(at_work, TICKETS)
        assert ticket_days(shop) == expected_days(sent)
        whole = shop.rows(JOINED, "*")
        days = sorted({str(day_of(no)) for no, _ in sent})
        assert "False" not in at_work.ask("rebuild", shop.key(JOINED), *days)
    assert shop.rows(JOINED, "*") == whole


def take_in(shop: Shop, at_work: Worker, topic: str, sent: list[tuple[int, int]], number: int, price: int = 10) -> None:
    """Sends tickets, the first of them of that price, and runs their source whatever becomes of it."""
    new = [(len(sent) + each, 10 if each else price) for each in range(number)]
    sent += new
    shop.send(topic, *({"No": no, "At": f"{day_of(no)}T10:00:00Z", "Price": price} for no, price in new))
    at_work.ask("run", shop.key(TICKETS))


def day_of(number: int) -> date:
    return FIRST_DAY + timedelta(days=number % 4)


def ticket_days(shop: Shop) -> list[dict[str, Any]]:
    return shop.rows(JOINED, "event_date, issued, priced, price")


def expected_days(sent: list[tuple[int, int]]) -> list[dict[str, Any]]:
    found: dict[date, list[int]] = defaultdict(list)
    for number, price in sent:
        found[day_of(number)].append(price)
    return [
        {
            "event_date": day,
            "issued": len(of),
            "priced": sum(p <= 100 for p in of),
            "price": sum(p for p in of if p <= 100),
        }
        for day, of in sorted(found.items())
    ]
