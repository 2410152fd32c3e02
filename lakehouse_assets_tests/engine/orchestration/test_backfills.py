"""Backfills by name and days: what a text means, what a preview says, how a rebuild is cut and taken up again."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from types import SimpleNamespace

import pyarrow as pa
import pytest
from dagster import DagsterInstance, materialize
from deltalake import CommitProperties, write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.engine.grids import DAILY, HOURLY, MONTHLY, UNPARTED
from lakehouse_assets.engine.history.lake import Size
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.orchestration import backfills
from lakehouse_assets.engine.orchestration.assets import table_asset
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.writing import publication, rebuilds
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import load
from lakehouse_assets.silver import sales_transactions as silver
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.engine.local_lake import LocalLake

MARCH_1, MARCH_2, MARCH_3, MARCH_5 = (date(2017, 3, day) for day in (1, 2, 3, 5))
DAYS = st.sets(st.integers(0, 40), max_size=20).map(lambda found: sorted(MARCH_1 + timedelta(days=n) for n in found))


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    """Bronze has three days, silver two of them, the second one by other code."""
    lake = LocalLake(load(home=tmp_path), tmp_path)
    put(lake, "bronze/sales/transactions", [MARCH_1, MARCH_1, MARCH_2, MARCH_5])
    put(lake, silver.table.key, [MARCH_1, MARCH_1], silver.table.code_version)
    put(lake, silver.table.key, [MARCH_2], "of old")
    return lake


def put(lake: LocalLake, key: str, days: list[date], code: str = "") -> None:
    rows = pa.table({"event_date": pa.array(days, pa.date32()), "n": [1] * len(days)})
    said = Statement("rebuild", "run-1", tuple(sorted(set(days))), code=code)
    told = CommitProperties(custom_metadata={"userMetadata": said.to_json()})
    write_deltalake(lake.uri(key), rows, mode="append", partition_by=["event_date"], commit_properties=told)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2017-03-01", (MARCH_1,)),
        ("2017-03-01..2017-03-03", (MARCH_1, MARCH_2, MARCH_3)),
        ("2017-03-05, 2017-03-01..2017-03-02", (MARCH_1, MARCH_2, MARCH_5)),
        ("all", (MARCH_1, MARCH_2, MARCH_5)),
        ("stale", (MARCH_2,)),
    ],
)
def test_days_are_named_by_date_range_list_or_word(lake, text, days):
    assert backfills.parse_days(text, lake, silver.table) == days


@pytest.mark.parametrize(
    ("grid", "forms"),
    [
        (HOURLY, r"Give \d{4}-\d\d-\d\d-\d\d:00, \d{4}"),
        (MONTHLY, r"Give \d{4}-\d\d-01, \d{4}-\d\d-01\.\."),
        (UNPARTED, "Give `all` or `stale`"),
    ],
)
def test_a_day_of_a_table_of_another_grid_is_refused_with_its_own_forms(lake, grid, forms):
    """Also where a table has one partition only."""
    table = SimpleNamespace(key="t", grid=grid)
    with pytest.raises(LakehouseError, match=forms):
        backfills.parse_days("2017-03-05", lake, table)


@pytest.mark.parametrize("text", ["yesterday", "2017-03-01..", "2017-13-01", ""])
def test_a_text_that_names_no_days_is_refused_with_the_forms_there_are(lake, text):
    with pytest.raises(LakehouseError, match=r"Give \d{4}-\d{2}-\d{2}, "):
        backfills.parse_days(text, lake, silver.table)


def test_a_preview_tells_what_is_read_and_replaced_without_touching_anything(lake):
    seen = backfills.preview(lake, silver.table, [MARCH_2, MARCH_1, MARCH_5])

    assert seen.runs == ((MARCH_1, MARCH_2), (MARCH_5, MARCH_5))
    assert (seen.read.rows, seen.read.files) == (4, 3)
    assert (seen.replaced.rows, seen.replaced.files) == (3, 2)
    assert seen.read.bytes > seen.replaced.bytes > 0


@given(DAYS)
def test_runs_cover_exactly_the_days_asked_for(days):
    """One run for each unbroken range: none can be joined with the next."""
    found = backfills.ranges(DAILY, days)

    covered = [first + timedelta(days=n) for first, last in found for n in range((last - first).days + 1)]
    assert covered == days
    assert all(later[0] - earlier[1] > timedelta(days=1) for earlier, later in pairwise(found))


@given(DAYS, st.dictionaries(st.integers(0, 40), st.integers(0, 9)), st.integers(1, 12))
def test_pieces_hold_every_day_once_and_no_more_rows_than_allowed(days, sizes, most):
    by_day = {MARCH_1 + timedelta(days=n): size for n, size in sizes.items()}
    pieces = [*rebuilds.pieces_of(days, by_day, most)]

    assert [day for piece in pieces for day in piece] == days
    assert all(len(piece) == 1 or sum(by_day.get(day, 0) for day in piece) <= most for piece in pieces)


def closes(gap: list[date], held: list[dict[date, Size]], most: int) -> bool:
    """The rule in plain words: few rows, and no day that one of the tables does not hold."""
    return all(day in sizes for day in gap for sizes in held) and sum(held[0][day].rows for day in gap) <= most


HELD = st.sets(st.integers(0, 120)).map(lambda found: {MARCH_1 + timedelta(days=n): Size(10, 100, 1) for n in found})
SPARSE = st.sets(st.integers(0, 120), max_size=9).map(lambda found: sorted(MARCH_1 + timedelta(n) for n in found))


@given(SPARSE, HELD, HELD, st.integers(0, 300))
def test_a_gap_is_closed_where_that_changes_nothing(days, first, others, most):
    """Gap by gap; the days asked for are all there, and nothing before, behind or beside them."""
    held = [first, first | others]
    gaps = [[a + timedelta(n) for n in range(1, (b - a).days)] for a, b in pairwise(days)]
    wanted = {day for gap in gaps if closes(gap, held, most) for day in gap}

    assert backfills.bridged(DAILY, days, held, most) == tuple(sorted({*days} | wanted))


def test_small_gaps_are_closed_so_that_sparse_days_take_few_runs():
    """Only over days that every table holds, or an empty day would be shown as materialized; never over many rows."""
    first = date(2017, 3, 1)
    sparse = [first + timedelta(days=n) for n in range(0, 60, 2)]
    full = {first + timedelta(days=n): Size(10, 100, 1) for n in range(60)}
    holed = {day: size for day, size in full.items() if day.day != 10}

    def runs(days, *held, most=1000):
        return len(backfills.ranges(DAILY, backfills.bridged(DAILY, days, held, most)))

    assert len(backfills.ranges(DAILY, sparse)) == 30
    assert runs(sparse, full) == 1
    assert runs(sparse, full, holed) == 2
    assert runs(sparse, full, most=9) == 30
    assert backfills.bridged(DAILY, sparse, [full], 1000) == tuple(sorted(full))[:59]
    assert backfills.bridged(DAILY, [], [full], 1000) == ()
    assert runs([first, first + timedelta(days=59)], full, most=500) == 2


def test_who_holds_a_day_counts_what_the_tables_are_made_from(lake):
    """Bronze's third day is not in silver: a rebuild would put rows there that nobody asked for."""
    held = backfills.held_by(lake, [silver.table])

    assert [sorted(sizes) for sizes in held] == [[MARCH_1, MARCH_2], [MARCH_1, MARCH_2, MARCH_5]]
    assert backfills.bridged(DAILY, [MARCH_2, date(2017, 3, 9)], held, 1000) == (MARCH_2, date(2017, 3, 9))
    assert backfills.bridged(DAILY, [MARCH_1, MARCH_5], held, 1000) == (MARCH_1, MARCH_5)


def test_days_that_a_dead_try_has_committed_are_not_done_again(lake):
    """Only what it did itself, with today's code."""
    put(lake, silver.table.key, [MARCH_5], silver.table.code_version)

    assert rebuilds.committed_days(lake, silver.table, {"run-1"}) == {MARCH_5}
    assert rebuilds.committed_days(lake, silver.table, {"run-2"}) == frozenset()


@pytest.fixture
def dagster():
    with DagsterInstance.ephemeral() as instance:
        yield instance


def run(lab: Lab, instance: DagsterInstance, first: date, last: date):
    """One run over a range of days, as a single-run backfill starts it."""
    spark = SparkConnect()
    return materialize(
        [table_asset(table, lab.settings) for table in lab.tables],
        selection=[lab.silver.asset_key, lab.gold.asset_key],
        instance=instance,
        resources={"spark": spark, "delta": DeltaIOManager(spark=spark)},
        tags={
            "dagster/asset_partition_range_start": first.isoformat(),
            "dagster/asset_partition_range_end": last.isoformat(),
        },
    )


@pytest.mark.services
@pytest.mark.slow
def test_one_run_over_days_tells_rows_and_verdicts_of_each_day(lab: Lab, dagster):
    """Each day has its own materialisation, with its own rows, and each rule its own verdict on each day."""
    lab.send(sale(1), sale(2), sale(3, date="2017-03-02"), sale(4, date="2017-03-02", Price=None)).ingest()
    before = [lab.rows(key) for key in (lab.silver.key, lab.silver.quarantine, lab.gold.key)]

    done = run(lab, dagster, MARCH_1, MARCH_3)

    assert done.success
    assert [lab.rows(key) for key in (lab.silver.key, lab.silver.quarantine, lab.gold.key)] == before
    events = [e for e in done.get_asset_materialization_events() if e.asset_key == lab.silver.asset_key]
    shown = {e.partition: e.materialization.metadata["dagster/partition_row_count"].value for e in events}
    assert shown == {"2017-03-01": 2, "2017-03-02": 1, "2017-03-03": 0}
    verdicts = {(v.check_name, v.partition): v.passed for v in done.get_asset_check_evaluations()}
    assert not verdicts["Price_not_null", "2017-03-02"]
    assert verdicts["Price_not_null", "2017-03-01"]
    assert not verdicts["Price_not_null", None]


@pytest.mark.services
@pytest.mark.slow
def test_a_rebuild_that_fails_between_two_days_goes_on_with_what_is_left(lab: Lab, dagster, monkeypatch):
    """The retry commits only the days that the first try had not committed."""
    lab.send(sale(1), sale(2, date="2017-03-02"), sale(3, date="2017-03-03")).ingest()
    whole, before = lab.rows(lab.silver.key), lab.lake.version(lab.silver.key)
    write, written = publication._write, []

    def fail_at_the_second(target, batch):
        written.append(batch.statement.days)
        if len(written) == 2:
            raise OSError("the store is away")
        write(target, batch)

    monkeypatch.setattr(publication, "_write", fail_at_the_second)
    monkeypatch.setenv("LAKEHOUSE_MAX_ROWS_PER_PIECE", "1")

    assert run(lab, dagster, MARCH_1, MARCH_3).success
    committed = [c.statement.days for c in lab.lake.commits(lab.silver.key) if c.version > before and c.statement]
    assert sorted(committed) == [(MARCH_1,), (MARCH_2,), (MARCH_3,)]
    assert lab.rows(lab.silver.key) == whole
