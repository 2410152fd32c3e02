"""Files that stop nothing: hostile ones among good ones, and those that the store does not give out."""

from __future__ import annotations

import gzip
import random
import time
from dataclasses import replace
from datetime import date

import pytest

from lakehouse_assets.engine.sources import landing
from lakehouse_assets.engine.sources.csv_format import Csv
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets_tests.engine.drop_lab import HEADER, PAUSE_SECONDS, DropLab, product
from lakehouse_assets_tests.engine.hostile_records import naughty
from lakehouse_assets_tests.engine.sources import hostile_files
from lakehouse_assets_tests.engine.sources.store_proxy import StoreProxy, store_proxy

pytestmark = pytest.mark.services

HOSTILE, GOOD = 200, 20


@pytest.fixture
def drops(services, spark) -> DropLab:
    return DropLab(services, spark)


@pytest.fixture
def proxy(drops: DropLab, monkeypatch):
    """Between the store and whoever reads dropped files; the tables are reached as ever."""
    with store_proxy(drops.settings.s3_endpoint) as proxy:
        client = landing.client(drops.settings.model_copy(update={"s3_endpoint": proxy.url}))
        monkeypatch.setattr(landing, "client", lambda _: client)
        yield proxy


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_hostile_files_among_good_ones(drops: DropLab, seed: int):
    """Every good file is published whole, each bad one is set aside with a short reason that says what is wrong."""
    bad = {each.name: each for each in hostile_files.hostile(seed, HOSTILE)}
    fine = {each.name: each for each in hostile_files.good(seed, GOOD)}
    assert (len(bad), len(fine)) == (HOSTILE, GOOD)
    assert sum(any(text in naughty() for text in each.texts) for each in bad.values()) >= HOSTILE / 3
    files: list[hostile_files.Hostile | hostile_files.Good] = [*bad.values(), *fine.values()]
    random.Random(seed).shuffle(files)
    for each in files:
        drops.put(each.name, each.body)
    drops.settings = drops.settings.model_copy(update={"max_bytes_per_file": 2**20, "max_files_per_batch": 80})
    while drops.plan():
        drops.land()
    while drops.refine():
        pass

    assert_all_rows_are_there(drops, fine)
    assert_each_is_set_aside(drops, bad)
    assert drops.lags() == [0, 0]


def assert_all_rows_are_there(drops: DropLab, fine: dict[str, hostile_files.Good]) -> None:
    columns = ("ProductNo", "ProductName", "Department")
    found = {
        (*(row[name] for name in columns), *dict(row["undeclared"]).values()) for row in drops.rows(drops.silver.key)
    }
    sent = {row for each in fine.values() for row in each.rows}
    assert found == sent
    assert len(drops.rows(drops.silver.key)) == len(drops.rows(drops.bronze.key)) == len(sent)


def assert_each_is_set_aside(drops: DropLab, bad: dict[str, hostile_files.Hostile]) -> None:
    aside = {row["key"].decode(): row for row in drops.rows(drops.bronze.quarantine)}
    assert aside.keys() == bad.keys()
    for name, row in aside.items():
        [reason] = row["reasons"]
        assert bad[name].says in reason, name
        assert len(reason) <= 300
        assert reason.isprintable()


def test_a_declared_form_is_taken_and_a_day_set_aside_under_another_form_comes_back(drops: DropLab):
    """A spreadsheet's semicolons in cp1252; once the table says so, a rebuild of the day takes the file in."""
    body = (HEADER + product(1, "Käse")).replace(",", ";").encode("cp1252")
    drops.put("a.csv", body).put("b.csv.gz", gzip.compress(body.replace(b"\n1;", b"\n2;"))).ingest()
    assert len(drops.rows(drops.bronze.quarantine)) == 2

    drops.bronze = replace(drops.bronze, format=Csv(delimiter=";", encoding="cp1252"))
    drops.silver = replace(drops.silver, source=drops.bronze)
    days = sorted({row["event_date"] for row in drops.rows(drops.bronze.quarantine)})
    take_again(drops, days)
    assert drops.products() == {"1": "Käse", "2": "Käse"}


def take_again(drops: DropLab, days: list[date]) -> None:
    """What a backfill of the days does, bronze first."""
    drops.publish_all(drops.bronze.rebuild(drops.engine(), days))
    assert drops.rows(drops.bronze.quarantine) == []
    drops.publish_all(drops.silver.rebuild(drops.engine(), days))


SLOW = pytest.mark.slow


@pytest.mark.parametrize("status", [403, pytest.param(404, marks=SLOW), pytest.param(500, marks=SLOW)])
@pytest.mark.slow
def test_a_file_that_the_store_does_not_give_out_stops_no_other(drops: DropLab, proxy: StoreProxy, status):
    """After some tries it is set aside with the answer; once it can be read, a rebuild of its day takes it in."""
    proxy.faults["a.csv"] = status
    drops.drop("a.csv", product(1)).drop("b.csv", product(2)).ingest()

    assert drops.products() == {"2": "Milk"}
    [aside] = drops.rows(drops.bronze.quarantine)
    [reason] = aside["reasons"]
    assert (aside["key"], aside["value"]) == (b"a.csv", None)
    assert "file: cannot be read while others can, tried 3 times" in reason
    assert ("lists it and does not have it" if status == 404 else f"({status} ") in reason
    assert f"`lakehouse backfill {drops.bronze.key} {aside['event_date']}`" in reason
    assert drops.lags() == [0, 0]

    proxy.faults.clear()
    take_again(drops, [aside["event_date"]])
    assert drops.products() == {"1": "Milk", "2": "Milk"}


@pytest.mark.slow
def test_a_store_that_gives_nothing_out_sets_nothing_aside(drops: DropLab, proxy: StoreProxy):
    """Also when it still lists; also when it is too busy for one file: each is tried again later."""
    drops.drop("a.csv", product(1)).ingest()
    drops.drop("b.csv", product(2))
    for faults in ({".csv": 403}, {"b.csv": 503}):
        proxy.faults = faults
        with pytest.raises(UnavailableError, match="no answer"):
            drops.land()
    proxy.faults = {"b.csv": 403}
    drops.land()
    assert [row["key"] for row in drops.rows(drops.bronze.quarantine)] == [b"b.csv"]

    proxy.faults = {}
    time.sleep(PAUSE_SECONDS)
    drops.drop("b.csv", product(3)).ingest()
    assert drops.products() == {"1": "Milk", "3": "Milk"}
