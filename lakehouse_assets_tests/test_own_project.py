"""A project of one's own, from an empty folder to gold: its two commands, its tests, Dagster's `dg`."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest
from confluent_kafka import Producer
from deltalake import DeltaTable

from lakehouse_assets.access import kafka as access
from lakehouse_assets.access import s3
from lakehouse_assets.demo import topic
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.settings import load
from lakehouse_assets_tests import PROJECT, test_docs_run
from lakehouse_assets_tests.engine.lab import EVENT_TIME_MS, sale
from lakehouse_assets_tests.test_docs_run import ingest

SECONDS = 300
GOLD = "gold/shop/product_days"
LAUNCH = f"dg launch --assets {GOLD} --partition 2026-01-05"
SALES = "gold/sales/daily_revenue"
OWN = {"bronze/sales/transactions", "silver/sales/transactions", SALES, "serve/sales/customer_value"}
MADE = {"bronze/shop/orders", "silver/shop/orders", GOLD, "serve/shop/product_totals"}


def shell(folder: Path, command: str, seconds: float = SECONDS) -> str:
    """What a command prints in a folder, with no setting of another project; fails with its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "DAGSTER_"))}
    return test_docs_run.shell(folder, command, kept, PROJECT, seconds)


PYTEST = f"{shlex.quote(sys.executable)} -m pytest -q"
LAKEHOUSE = f"{shlex.quote(sys.executable)} -c 'from lakehouse_assets.cli import main; main()'"


def lakehouse(folder: Path, words: str) -> str:
    return shell(folder, f"{LAKEHOUSE} {words}")


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    """A new project."""
    folder = tmp_path_factory.mktemp("lake")
    lakehouse(folder, "new project my_lake")
    return folder


@pytest.fixture
def filled(lake) -> Iterator[Path]:
    """Its services up, its records sent, as its README says."""
    try:
        for command in blocks(lake)[0]:
            lakehouse(lake, command.removeprefix("lakehouse "))
        yield lake
    finally:
        lakehouse(lake, "down")


def blocks(lake: Path) -> list[list[str]]:
    """The shell blocks of the project's README, line by line."""
    found = re.findall(r"```sh\n(.*?)```", (lake / "README.md").read_text(), re.DOTALL)
    return [block.splitlines() for block in found]


def expected(lake: Path) -> list[tuple[date, str, Decimal, int]]:
    """Plain Python: the first record of each order and day, those with an amount, summed."""
    records = [json.loads(line, parse_float=Decimal) for line in (lake / "orders.jsonl").read_text().splitlines()]
    first = {(each["OrderNo"], each["OrderedAt"][:10]): each for each in reversed(records)}
    sums: dict[tuple[date, str], list[Decimal]] = {}
    for (_, day), each in first.items():
        if each["Amount"] > 0:
            sums.setdefault((date.fromisoformat(day), each["Product"]), []).append(each["Amount"])
    return sorted((day, product, sum(all_), len(all_)) for (day, product), all_ in sums.items())  # type: ignore[misc]


def held(lake: Path) -> list[tuple[date, str, Decimal, int]]:
    """What gold holds, opened by delta-rs and read by DuckDB."""
    settings = load(home=lake / ".lakehouse")
    table = DeltaTable(f"s3://{settings.bucket}/{GOLD}", storage_options=s3.delta_rs(settings))
    rows = duckdb.from_arrow(table.to_pyarrow_table())
    return rows.project("event_date, Product, revenue, orders").order("event_date, Product").fetchall()


def caught_up(lake: Path) -> list[tuple[date, str, Decimal, int]]:
    """What gold holds once Dagster's sensor has carried all records there, or when time is up."""
    uri, options = f"s3://lakehouse/{GOLD}", s3.delta_rs(load(home=lake / ".lakehouse"))
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if DeltaTable.is_deltatable(uri, options) and held(lake) == expected(lake):
            break
        time.sleep(1)
    return held(lake)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_commands_fill_gold_in_an_empty_folder(filled):
    """Then its own tests pass on the Spark that runs, all commands of its README and `dg` work, on its own state."""
    assert caught_up(filled) == expected(filled)
    assert len(expected(filled)) == 4

    for command in blocks(filled)[1]:
        if command == "pytest":
            assert re.search(r"\b4 passed", shell(filled, PYTEST))
        else:
            assert lakehouse(filled, command.removeprefix("lakehouse ")).strip()
    before = Lake(load(home=filled / ".lakehouse")).version(GOLD)
    shell(filled, f'eval "$({LAKEHOUSE} env)"; {LAUNCH}')
    assert Lake(load(home=filled / ".lakehouse")).version(GOLD) > before
    assert held(filled) == expected(filled)
    assert "project: my_lake in" in shell(filled, f"{LAKEHOUSE} doctor || true")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_projects_tests_start_a_spark_of_their_own_where_none_runs(tmp_path):
    """Nothing was ever up, and nothing of it is left."""
    lakehouse(tmp_path, "new project other_lake")
    assert re.search(r"\b4 passed", shell(tmp_path, PYTEST))
    assert not (tmp_path / ".lakehouse").exists()


@pytest.mark.slow
@pytest.mark.parametrize("mine", [False, True], ids=["this repository", "a project"])
def test_dg_lists_and_checks_the_definitions(lake, mine):
    folder, keys = (lake, MADE) if mine else (PROJECT, OWN)
    listed = json.loads(shell(folder, "dg list defs --json"))
    assert {each["asset_key"] for each in listed["assets"]} >= keys
    assert any("loaded successfully" in line for line in shell(folder, "dg check defs").splitlines())


@pytest.mark.slow
@pytest.mark.services
def test_dg_launches_an_asset_of_this_repository(services, monkeypatch):
    """One day of gold over running services, rebuilt to the same rows."""
    monkeypatch.setenv("LAKEHOUSE_BUCKET", f"dg-{uuid4().hex[:8]}")
    settings = load()
    s3.client(settings).create_bucket(Bucket=settings.bucket)
    topic.ensure(settings)
    producer = Producer(access.client(settings))
    for number in range(3):
        producer.produce(topic.TOPIC, sale(number, date="2017-03-02T10:00:00"), timestamp=EVENT_TIME_MS)
    assert producer.flush(SECONDS) == 0
    ingest(PROJECT, "bronze/sales/transactions")
    uri, options = f"s3://{settings.bucket}/{SALES}", s3.delta_rs(settings)
    before = DeltaTable(uri, storage_options=options)

    given = f"LAKEHOUSE_HOME={shlex.quote(str(settings.home))} LAKEHOUSE_BUCKET={settings.bucket}"
    shell(PROJECT, f"{given} dg launch --assets {SALES} --partition 2017-03-02")

    after = DeltaTable(uri, storage_options=options)
    assert after.version() == before.version() + 1
    assert after.to_pyarrow_table().to_pylist() == before.to_pyarrow_table().to_pylist() != []
