"""Other contenders take records to gold, and the oracle finds nothing wrong with them; the workloads measure them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from uuid import uuid4

import pytest

from benchmarks.harness import sending
from benchmarks.harness.cases import DAGSTER_DELTA, SESSIONS, STREAMING, STREAMING_ARROW, Measured
from benchmarks.harness.records import Message
from benchmarks.harness.scale import TINY
from benchmarks.harness.seeding import Past
from benchmarks.harness.site import Feed, Site
from benchmarks.workloads import w1_backlog, w2_freshness, w3_size, w6_commits, w7_wide
from benchmarks.workloads.shop import Shop, running, today

BAD = Message(b"7", b'{"TransactionNo": "7", "Price": "n/a"}', 1_488_326_400_000)
SMALL = replace(TINY, warm_ups=0, commits=2, edge=1, every=20_000)
Body = Callable[[Shop], Sequence[Measured]]
BODIES: dict[str, tuple[Body, Sequence[date]]] = {
    "W2": (lambda shop: w2_freshness.flowing(shop, "W2", 200, 2.0), [today()]),
    "W3": (partial(w3_size.batches, fill=partial(w3_size.files_before, 8)), [today()]),
    "W6": (w6_commits.one_by_one, [today()]),
    "W7": (w7_wide.wide, w7_wide.days(SMALL)),
}
"""What each workload does at one feed; W1 is asked by itself, the others need more than a topic."""


def made(stack, settings, name: str, sizes=TINY) -> Site:
    """A topic and a domain of their own on the session's services."""
    feed = Feed(f"bench.{name}.{uuid4().hex[:8]}", f"bench_{name}_{uuid4().hex[:8]}")
    sending.create(settings, [feed.topic], 1)
    return Site(stack, sizes, (feed,))


@pytest.mark.services
def test_a_tiny_round_of_what_a_topic_is_enough_for(stack, services):
    """One streaming job for all of them; each ends with the oracle."""
    sites = {name: made(stack, services, name.lower(), SMALL) for name in ("W1", *BODIES)}
    feeds = tuple(feed for site in sites.values() for feed in site.feeds)
    sent, expected = w1_backlog.backlog(sites["W1"])

    with running(STREAMING_ARROW, Site(stack, SMALL, feeds)) as at_work:
        w1_backlog.arrived(sites["W1"], at_work, expected)
        assert 0 < expected.num_rows < sent
        for name, (body, days) in BODIES.items():
            with Shop(sites[name], at_work, days) as shop:
                found = body(shop)
            assert all(value > 0 for each in found for value in each.values), name


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.timeout(900)
@pytest.mark.parametrize("contender", [STREAMING, STREAMING_ARROW, SESSIONS, DAGSTER_DELTA])
def test_two_batches_with_what_topics_carry_are_right(stack, services, contender):
    """Repeated records, a bad one, and rows of the past between them."""
    site = made(stack, services, "two")
    with running(contender, site) as at_work, Shop(site, at_work, [today()]) as shop:
        shop.batch(60)
        shop.past = Past(site, at_work.prefix).rows(100, [today()])
        shop.sender.send([BAD])
        shop.batch(60)
        shop.check()

    if contender != DAGSTER_DELTA:
        quarantine = site.reader(site.feeds[0].key("silver", "transactions_quarantine"), at_work.prefix).table()
        assert quarantine is not None
        assert quarantine.count() == 1
