"""The oracle itself: it passes right tables and catches each way in which a lakehouse goes wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.demo.dates import Dates
from lakehouse_assets_tests.demo.small_source import Landed, land, manifest_text, replay, source
from lakehouse_assets_tests.demo.tiny_lake import TinyLake, build
from lakehouse_assets_tests.oracle.check import COUNTS, check, main
from lakehouse_assets_tests.oracle.reading import BRONZE, CUSTOMERS, GOLD, PRODUCTS, SILVER, SILVER_QUARANTINE, SOURCES
from lakehouse_assets_tests.oracle.rules import FATES

LANDED = land(replay(source(days=3, lines_a_day=400), 1_000, seed=5)[1])


@pytest.fixture
def lake() -> TinyLake:
    return build(LANDED)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "m.jsonl"
    path.write_text(manifest_text(LANDED))
    return path


def result_of(lake: TinyLake, landed: list[Landed], folder: Path) -> dict[str, Any]:
    fates = [FATES[record.label] for record in landed]
    counts = {name: fates.count(name.removeprefix("rows_").removesuffix("s")) for name in COUNTS}
    counts |= {"rows_in": len(landed), "duplicates": fates.count("duplicate")}
    rows = {key: len(found) for key, found in lake.rows.items()}
    tables = []
    for key in (BRONZE, SILVER, GOLD, PRODUCTS, CUSTOMERS):
        table: dict[str, Any] = {"asset": key, "uri": str(folder / key), "rows": rows[key]}
        if f"{key}_quarantine" in SOURCES:
            table |= {
                "quarantine_uri": str(folder / f"{key}_quarantine"),
                "quarantined": rows[f"{key}_quarantine"],
            }
        tables.append(table)
    return {**counts, "storage": {"endpoint": "http://127.0.0.1:1", "bucket": "b"}, "tables": tables}


def assert_caught(lake: TinyLake, manifest: Path, tmp_path: Path, promise: str) -> None:
    with pytest.raises(AssertionError, match=promise):
        check(lake.write(tmp_path), [manifest])


def test_right_tables_pass(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    report = check(lake.write(tmp_path), [manifest])
    assert sum(report.labels.values()) == 1_000
    assert set(report.labels) == set(FATES)
    assert report.rows[BRONZE] < 1_000


def test_right_tables_of_a_year_that_ends_yesterday_pass(tmp_path: Path) -> None:
    """The manifest says the dates as they were sent; the oracle knows nothing of how they were moved."""
    moved = land(replay(source(days=3, lines_a_day=400).laid(Dates(weeks=464)), 1_000, seed=5)[1])
    path = tmp_path / "m.jsonl"
    path.write_text(manifest_text(moved))
    report = check(build(moved).write(tmp_path / "lake"), [path])
    assert set(report.labels) == set(FATES)
    with pytest.raises(AssertionError, match="bronze files each record under its event date"):
        check(build(LANDED).write(tmp_path / "unmoved"), [path])


def test_the_command_passes_with_the_demos_json(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    lake.write(tmp_path)
    out = tmp_path / "out.json"
    out.write_text(json.dumps(result_of(lake, LANDED, tmp_path)))
    assert main(["--json", str(out), "--manifest", str(manifest)]) == 0


def test_counts_of_the_json_that_do_not_add_up_are_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    tables = lake.write(tmp_path)
    result = result_of(lake, LANDED, tmp_path)
    result["duplicates"] += 1
    with pytest.raises(AssertionError, match="the JSON's counts"):
        check(tables, [manifest], result=result)


def test_two_manifests_are_one_topic(lake: TinyLake, tmp_path: Path) -> None:
    parts = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path, records in zip(parts, (LANDED[:400], LANDED[400:]), strict=True):
        path.write_text(manifest_text(records))
    tables = lake.write(tmp_path)
    check(tables, parts, result=result_of(lake, LANDED[400:], tmp_path))


def test_a_lost_row_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    lake.rows[SILVER].pop(3)
    assert_caught(lake, manifest, tmp_path, "every record sent has the fate of its label: 1 rows")


def test_a_row_lost_before_bronze_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    lake.rows[BRONZE].pop(3)
    assert_caught(lake, manifest, tmp_path, "every record sent is in bronze or its quarantine: 1 rows")


@pytest.mark.parametrize(("key", "promise"), [(BRONZE, "more than once"), (SILVER, "no coordinate has two fates")])
def test_a_doubled_row_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path, key: str, promise: str) -> None:
    lake.rows[key].append(lake.rows[key][5])
    assert_caught(lake, manifest, tmp_path, promise)


def test_a_row_nobody_sent_is_caught_unless_partial(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    lake.rows[BRONZE].append({**lake.rows[BRONZE][0], "offset": 10**6})
    tables = lake.write(tmp_path)
    with pytest.raises(AssertionError, match="that was not sent: 1 rows"):
        check(tables, [manifest])
    check(tables, [manifest], partial=True)


def test_a_quarantined_row_that_is_published_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    moved = lake.rows[SILVER_QUARANTINE].pop()
    coordinate = {name: moved[name] for name in ("topic_id", "partition", "offset")}
    extra = {**lake.rows[SILVER][0], **coordinate, "TransactionNo": "1", "losers": []}
    lake.rows[SILVER].append(extra)
    assert_caught(lake, manifest, tmp_path, "wanted=quarantined, found=published")


def test_a_row_both_quarantined_and_published_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    row = lake.rows[SILVER][0]
    coordinate = {name: row[name] for name in ("topic_id", "partition", "offset")}
    lake.rows[SILVER_QUARANTINE].append({**coordinate, "reasons": ["why"]})
    assert_caught(lake, manifest, tmp_path, "no coordinate has two fates")


def test_a_wrong_cent_in_gold_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    lake.rows[GOLD][0]["revenue"] += Decimal("0.01")
    assert_caught(lake, manifest, tmp_path, "gold's revenue of each day")


@pytest.mark.parametrize(
    ("key", "column"),
    [(GOLD, "customers"), (GOLD, "units"), (PRODUCTS, "transactions"), (PRODUCTS, "revenue"), (CUSTOMERS, "orders")],
)
def test_a_wrong_number_in_gold_is_caught(
    lake: TinyLake, manifest: Path, tmp_path: Path, key: str, column: str
) -> None:
    lake.rows[key][0][column] += 1
    assert_caught(lake, manifest, tmp_path, "is that of the records sent, once: 1 rows")


@pytest.mark.parametrize("key", [PRODUCTS, CUSTOMERS])
def test_a_row_that_gold_lacks_or_doubles_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path, key: str) -> None:
    row = lake.rows[key].pop()
    assert_caught(lake, manifest, tmp_path / "lacks", "is that of silver's rows, once: 1 rows")
    lake.rows[key] += [row, row]
    assert_caught(lake, manifest, tmp_path / "doubles", "times=2")


def test_a_wrong_customer_in_silver_and_gold_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    """Even when gold agrees with silver: the record says otherwise."""
    lake.rows[SILVER][2]["CustomerNo"] += 10**6
    assert_caught(lake, manifest, tmp_path, "customer and time are those of the record as landed: 1 rows")


def test_a_wrong_cent_in_silver_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    lake.rows[SILVER][2]["Price"] += Decimal("0.01")
    assert_caught(lake, manifest, tmp_path, "silver's values are the record's: 1 rows")


def test_a_day_too_many_in_gold_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    lake.rows[GOLD].append({**lake.rows[GOLD][0], "event_date": lake.rows[GOLD][0]["event_date"].replace(year=2016)})
    assert_caught(lake, manifest, tmp_path, "there are no other days: 1 rows")


def test_a_duplicate_that_vanished_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    winner = next(row for row in lake.rows[SILVER] if row["losers"])
    winner["losers"] = []
    assert_caught(lake, manifest, tmp_path, "every record sent has the fate of its label: 1 rows")


def test_a_later_record_that_won_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    winner = next(row for row in lake.rows[SILVER] if row["losers"])
    winner["offset"], winner["losers"][0]["offset"] = winner["losers"][0]["offset"], winner["offset"]
    assert_caught(lake, manifest, tmp_path, "the lowest coordinate of a grain wins: 1 rows")


def test_a_missing_table_is_caught(lake: TinyLake, manifest: Path, tmp_path: Path) -> None:
    tables = {key: uri for key, uri in lake.write(tmp_path).items() if key != GOLD}
    with pytest.raises(AssertionError, match="there is no table"):
        check(tables, [manifest])
