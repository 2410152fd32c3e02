"""Where tables begin: Dagster's partitions start in the month of the first row, and never after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pyarrow as pa
import pytest
from dagster import DagsterInstance, build_sensor_context
from deltalake import write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse_assets.definitions import TABLES, VIEWS
from lakehouse_assets.engine.orchestration import beginnings, reconciler
from lakehouse_assets.engine.orchestration.assets import parted
from lakehouse_assets.engine.upstreams import Upstream
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.local_lake import LocalLake

[REVENUE] = [table for table in TABLES if table.key == "gold/sales/daily_revenue"]
[TRANSACTIONS] = [table for table in TABLES if table.key == "silver/sales/transactions"]
[VALUE] = [view for view in VIEWS if view.key == "serve/sales/customer_value"]
DAYS = st.dates(date(2015, 1, 1), date(2026, 11, 1))


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    return LocalLake(Settings(home=tmp_path), tmp_path)


def fill(lake: LocalLake, key: str, *days: date) -> None:
    rows = pa.table({"event_date": pa.array(days, pa.date32()), "n": [*range(len(days))]})
    write_deltalake(lake.uri(key), rows, mode="append", partition_by=["event_date"])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(batches=st.lists(st.lists(DAYS, min_size=1, max_size=3), min_size=1, max_size=3))
def test_every_day_that_holds_rows_is_a_partition_and_a_month_before_none(tmp_path_factory, batches):
    """However the days come in."""
    home = tmp_path_factory.mktemp("home")
    lake = LocalLake(Settings(home=home), home)
    for days in batches:
        fill(lake, REVENUE.key, *days)
        beginnings.note(lake.settings, lake, [REVENUE])

    partitions = parted(REVENUE, lake.settings)["partitions_def"]
    every = sorted(day for days in batches for day in days)
    assert all(partitions.has_partition_key(str(day)) for day in every)
    assert partitions.get_first_partition_key() == str(every[0].replace(day=1))


def test_without_rows_or_a_note_that_can_be_read_the_calendar_counts(lake):
    """Also after a reset."""
    assert beginnings.first_day(lake.settings, REVENUE.key) == lake.settings.calendar_start
    fill(lake, REVENUE.key, date(2026, 3, 9))
    beginnings.note(lake.settings, lake, [REVENUE])
    assert beginnings.first_day(lake.settings, REVENUE.key) == date(2026, 3, 1)
    (lake.settings.home / beginnings.FILE).write_text("{")
    assert beginnings.first_day(lake.settings, REVENUE.key) == lake.settings.calendar_start

    beginnings.note(lake.settings, lake, [REVENUE])
    beginnings.note(lake.settings, LocalLake(lake.settings, lake.settings.home / "empty"), [REVENUE])
    assert beginnings.read(lake.settings) == {}


def test_a_table_begins_where_it_could_be_computed_from_what_it_lives_on(lake):
    """A new answer over old events: `lakehouse backfill TABLE all` names days that it holds no row of."""
    fill(lake, TRANSACTIONS.key, date(2026, 1, 9))
    fill(lake, REVENUE.key, date(2026, 3, 9))
    assert beginnings.note(lake.settings, lake, [REVENUE])[REVENUE.key] == "2026-01-01"


def test_a_quarantine_begins_no_later_than_its_table(lake):
    """It is replayed by days on which either holds rows."""
    fill(lake, TRANSACTIONS.key, date(2026, 3, 9))
    fill(lake, TRANSACTIONS.quarantine, date(2026, 5, 9))
    noted = beginnings.note(lake.settings, lake, [TRANSACTIONS])
    assert noted == {TRANSACTIONS.key: "2026-03-01", TRANSACTIONS.quarantine: "2026-03-01"}


def test_partitions_before_an_upstreams_first_are_no_reason_to_refuse_a_day():
    """A sum over seven days on the first day of all."""
    mapping = Upstream(TRANSACTIONS).dep(REVENUE.grid).partition_mapping
    assert mapping is not None
    assert mapping.allow_nonexistent_upstream_partitions


class Webserver(HTTPServer):
    """Counts the questions of clients."""

    asked: list[bytes]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.asked = []


class Asked(BaseHTTPRequestHandler):
    server: Webserver

    def do_POST(self) -> None:
        self.server.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"data": {"reloadWorkspace": {"__typename": "Workspace"}}}')

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def webserver():
    server = Webserver()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_dagster_loads_the_definitions_anew_when_a_table_begins_in_another_month(lake, webserver, monkeypatch):
    """And no more once it has; where no webserver answers, the tick goes on."""
    found = lake.settings.model_copy(update={"dagster_url": f"http://127.0.0.1:{webserver.server_port}"})
    monkeypatch.setattr(reconciler, "load", lambda: found)
    monkeypatch.setattr(reconciler, "RememberedLake", lambda settings: lake)
    monkeypatch.setattr(reconciler, "missing", lambda *_: ([], {"version": 0, "storage_id": 0}))

    def tick(sensor) -> None:
        with DagsterInstance.ephemeral() as instance:
            sensor(build_sensor_context(instance=instance))

    first = reconciler.reconciler([REVENUE], [], found)
    tick(first)
    assert webserver.asked == []
    fill(lake, REVENUE.key, date(2026, 3, 9))
    for _ in range(2):
        tick(first)
        assert [b"reloadWorkspace" in each for each in webserver.asked] == [True]
    again = reconciler.reconciler([REVENUE], [], found)
    fill(lake, REVENUE.key, date(2026, 3, 2))
    tick(again)
    assert len(webserver.asked) == 1

    found = found.model_copy(update={"dagster_url": "http://127.0.0.1:9"})
    fill(lake, REVENUE.key, date(2026, 1, 2))
    tick(again)
    assert beginnings.first_day(lake.settings, REVENUE.key) == date(2026, 1, 1)


def test_a_view_is_shown_as_answered_when_what_it_is_over_has_changed(lake):
    """Not before there is anything, and once for each change."""
    assert reconciler.answered_anew(lake, VALUE, None)[0] == []
    fill(lake, VALUE.over[0].key, date(2026, 3, 9))
    [event], seen = reconciler.answered_anew(lake, VALUE, None)
    assert event.asset_key == VALUE.asset_key
    assert event.metadata[f"version of {VALUE.over[0].key}"].value == 0
    assert reconciler.answered_anew(lake, VALUE, seen)[0] == []

    fill(lake, VALUE.over[0].key, date(2026, 3, 9))
    assert len(reconciler.answered_anew(lake, replace(VALUE), seen)[0]) == 1
