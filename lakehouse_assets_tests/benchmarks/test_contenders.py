"""Each other contender takes records to gold, and the oracle finds nothing wrong with it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from benchmarks.harness import sending
from benchmarks.harness.cases import DAGSTER_DELTA, SESSIONS, STREAMING, STREAMING_ARROW
from benchmarks.harness.records import Message
from benchmarks.harness.scale import TINY
from benchmarks.harness.seeding import Past
from benchmarks.harness.site import Feed, Site
from benchmarks.workloads.shop import Shop, running, today

BAD = Message(b"7", b'{"TransactionNo": "7", "Price": "n/a"}', 1_488_326_400_000)


@pytest.fixture
def site(stack, services) -> Site:
    """A topic and a domain of their own on the session's services."""
    name = uuid4().hex[:8]
    made = Site(stack, TINY, (Feed(f"bench.{name}", f"bench_{name}"),))
    sending.create(services, [made.feeds[0].topic], made.partitions)
    return made


def taken(site: Site, contender: str) -> None:
    """Two batches, with repeated records, a bad one and rows of the past between them."""
    with running(contender, site) as at_work, Shop(site, at_work.prefix, [today()]) as shop:
        shop.batch(60)
        shop.past = Past(site, at_work.prefix).rows(100, [today()])
        shop.sender.send([BAD])
        shop.batch(60)
        shop.check()


@pytest.mark.services
def test_the_streaming_job_is_right(site):
    taken(site, STREAMING)

    quarantine = site.reader(site.feeds[0].key("silver", "transactions_quarantine"), "streaming/").table()
    assert quarantine is not None
    assert quarantine.count() == 1


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.parametrize("contender", [STREAMING_ARROW, SESSIONS, DAGSTER_DELTA])
def test_the_others_are_right(site, contender):
    taken(site, contender)
