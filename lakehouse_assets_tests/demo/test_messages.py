from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from lakehouse_assets.demo.faults import Label
from lakehouse_assets_tests.demo.small_source import Landed, land, replay, source

LANDED = land(replay(source(days=12, lines_a_day=2_500), 30_000, seed=11)[1])


def of(*labels: Label) -> list[Landed]:
    return [record for record in LANDED if record.label in labels]


def test_a_readable_records_manifest_line_says_what_its_json_says() -> None:
    for record in of(
        Label.GOOD, Label.LATE, Label.DUPLICATE, Label.SUPERSEDED, Label.CANCELLATION, Label.ABSURD_TIMESTAMP
    ):
        value = json.loads(record.message.value, parse_float=str)
        assert value["TransactionNo"] == record.line["TransactionNo"]
        assert value["ProductNo"] == record.line["ProductNo"]
        assert value["Price"] == str(record.line["Price"])
        assert value["Date"][:10] == record.line["event_date"]
        assert record.message.key.decode() == value["TransactionNo"]


def test_the_kafka_timestamp_is_the_event_time() -> None:
    for record in of(Label.GOOD, Label.LATE, Label.CANCELLATION, Label.NULL, Label.WRONG_TYPE):
        date = json.loads(record.message.value)["Date"]
        assert datetime.fromisoformat(date).timestamp() * 1000 == record.message.timestamp


def test_a_malformed_record_is_no_json_and_its_day_is_that_of_its_timestamp() -> None:
    malformed = of(Label.MALFORMED)
    assert malformed
    for record in malformed:
        with pytest.raises(ValueError):  # noqa: PT011
            json.loads(record.message.value)
        day = datetime.fromtimestamp(record.message.timestamp / 1000, UTC).date().isoformat()
        assert record.line["event_date"] == day
        assert record.line["TransactionNo"] is record.line["ProductNo"] is record.line["Price"] is None


def test_a_wrong_type_is_never_readable_as_the_right_one() -> None:
    wrong = of(Label.WRONG_TYPE)
    assert wrong
    for record in wrong:
        value = json.loads(record.message.value)
        bad = [name for name in ("Price", "Quantity") if not isinstance(value[name], int | float)]
        assert len(bad) == 1
        assert isinstance(value[bad[0]], dict) or value[bad[0]].strip("-.0123456789")


def test_the_store_travels_as_a_header() -> None:
    assert all(dict(record.message.headers)["store_id"] in (b"300", b"301", b"302", b"303") for record in LANDED)
