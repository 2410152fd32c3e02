"""Promise 3 under kill -9: a batch that breaks a `fail` rule publishes nothing, whenever the run that tries it dies."""

from __future__ import annotations

import sys

import pytest
from confluent_kafka import Producer
from deltalake import DeltaTable

from lakehouse_assets.access import kafka
from lakehouse_assets.demo import topic
from lakehouse_assets.engine.history import acceptances, holds
from lakehouse_assets.silver.sales_transactions import table as silver
from lakehouse_assets_tests.engine.lab import EVENT_TIME_MS, sale
from lakehouse_assets_tests.faults.site import TOPIC, Site, until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(3000)]

KILLS = 20
WARM_UP_RUNS = 2
RULE = "Price: less_than_or_equal_to(1000000)"
GUARDED = (silver.key, silver.quarantine, "gold/sales/daily_revenue", "gold/sales/customer_days")

Files = list[tuple[str, int]]


def send(site: Site, *records: bytes) -> None:
    producer = Producer(kafka.client(site.settings))
    for record in records:
        producer.produce(TOPIC, record, timestamp=EVENT_TIME_MS)
    assert producer.flush(20) == 0


def state(site: Site) -> dict[str, tuple[int, Files]]:
    """Version, and name and size of each file, of every guarded table, as delta-rs reads them."""
    found = {}
    for key in GUARDED:
        table = DeltaTable(f"s3://{site.settings.bucket}/{key}", storage_options=site.storage_options)
        actions = table.get_add_actions(flatten=True)
        columns = (actions.column(name).to_pylist() for name in ("path", "size_bytes"))
        found[key] = (table.version(), sorted(zip(*columns, strict=True)))
    return found


def refused(site: Site, known: set[str]) -> float | None:
    """When a run since then ended by itself, because the table refused its batch."""
    new = [run_id for run_id, run in site.runs().items() if run_id not in known and run.is_finished]
    hold = holds.read(site.settings, silver.key).get(silver.key)
    if hold is None or hold.temporary or hold.run_id not in new:
        return None
    with site.instance as instance:
        record = instance.get_run_record_by_id(hold.run_id)
    return record.end_time if record else None


def accept(site: Site, spark) -> None:
    acceptances.record_rules(spark, site.settings, silver, [RULE], "a test")
    site.wait_caught_up()


def test_a_refused_batch_killed_at_20_instants_publishes_nothing(site: Site, spark, capsys):
    """Killed, tried again, refused, held; then accepted: its bad row is set aside and the rest is published, once."""
    topic.ensure(site.settings)
    send(site, sale(1), b"set aside")
    site.wait_caught_up()
    seconds, hits = 0.0, []
    for kill in range(-WARM_UP_RUNS, KILLS + 1):
        before, known, first = state(site), set(site.runs()), 100 + 3 * kill
        send(site, sale(first), sale(first + 1, price=1_000_001), sale(first + 2))
        run_id, pid, started = site.next_process(known)
        if kill > 0:
            instant = seconds * (kill - 0.5) / KILLS
            hit = site.kill_at(run_id, pid, started + instant)
            hits.append(f"{kill:2}. after {instant:4.1f} of {seconds:4.1f} s: {hit}")
            assert state(site) == before, hits[-1]
        ended = until(lambda known=known: refused(site, known), 200, "a run to be refused")
        assert state(site) == before, hits[-1:]
        seconds = seconds if kill > 0 else ended - started
        accept(site, spark)
        assert state(site) != before
    found = site.stock(silver)
    batches = WARM_UP_RUNS + 1 + KILLS
    assert (len(found.published), len(found.quarantined)) == (1 + 2 * batches, 1 + batches)
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(hits) + "\n")
