"""A source table that says how its records are read: what is made from it gets them so, its event time is theirs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.decoding import Json
from lakehouse_assets.engine.kinds import EventTable
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.errors import ContractError
from lakehouse_assets_tests.engine.lab import Lab

LINE = T.StructType([T.StructField("sku", T.StringType()), T.StructField("price", T.DecimalType(9, 2))])
ORDER = Json(
    {
        "user-id": T.StringType(),
        "value": T.LongType(),
        "source": T.StructType([T.StructField("at", T.TimestampType())]),
        "lines": T.ArrayType(LINE),
    },
    columns={"user-id": "user_id", "value": "worth", "source": "origin"},
)


class Order(DataFrameModel):
    """One order."""

    user_id: T.StringType = Field(description="Who")
    worth: T.LongType = Field(ge=0, description="Of it")
    lines: T.ArrayType(LINE) = Field(nullable=True, description="What")  # type: ignore[valid-type]


def order(user: str, worth: Any, at: str = "2017-03-02T01:00:00Z", **other: Any) -> bytes:
    lines = [{"sku": "a", "price": 2.5}]
    return json.dumps({"user-id": user, "value": worth, "source": {"at": at}, "lines": lines} | other).encode()


def orders(lab: Lab, **given: Any) -> EventTable:
    lab.bronze = replace(lab.bronze, decode=ORDER, event_time=("source", "at"))
    return EventTable(
        key=lab.silver.key,
        owner="team:tests",
        description="Orders.",
        source=lab.bronze,
        schema=Order,
        grain=("user_id",),
        **given,
    )


@pytest.mark.services
@pytest.mark.parametrize("sql", ["", "SELECT * EXCEPT (worth), worth * 1 AS worth FROM {bronze} WHERE true"])
def test_records_arrive_decoded_and_are_parted_by_a_field_within_them(lab: Lab, sql: str):
    """With no transform at all, or a SELECT over the decoded columns; a wrong field sets its record aside."""
    lab.silver = orders(lab, sql=sql.format(bronze=lab.bronze.name))
    lab.send(order("u1", 5), order("u2", "5"), order("u3", 7, extra={"a": 1}), b"no json").land()
    lab.publish(lab.silver.increment(lab.engine(), LATER))

    rows = lab.rows(lab.silver.key, "user_id, worth, event_date, lines, undeclared")
    assert [(row["user_id"], row["worth"], row["event_date"]) for row in rows] == [
        ("u1", 5, date(2017, 3, 2)),
        ("u3", 7, date(2017, 3, 2)),
    ]
    assert [row["lines"] for row in rows] == [[{"sku": "a", "price": Decimal("2.50")}]] * 2
    assert dict(rows[1]["undeclared"]) == {"extra": '{"a":1}'}
    reasons = [row["reasons"] for row in lab.rows(lab.silver.quarantine, "reasons")]
    assert sorted(reason for each in reasons for reason in each) == [
        "value: not a JSON object",
        'value: not a bigint: "5"',
    ]


def test_what_is_declared_changes_the_code_version(lab_without_services: Lab):
    lab = lab_without_services
    table = orders(lab)
    fewer = Json({"user-id": T.StringType()}, columns={"user-id": "user_id"})

    changed = replace(table, source=replace(lab.bronze, decode=fewer, event_time=lab.silver.sources[0].event_time))
    assert changed.code_version != table.code_version


@pytest.fixture
def lab_without_services(monkeypatch, tmp_path) -> Lab:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("LAKEHOUSE_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    from lakehouse_assets.settings import load

    return Lab(load(), None)


def test_a_field_needs_a_form_and_a_time(lab_without_services: Lab):
    bronze = lab_without_services.bronze
    with pytest.raises(ContractError, match="field of no known form"):
        replace(bronze, event_time="Date")
    with pytest.raises(ContractError, match="no time"):
        replace(bronze, decode=ORDER, event_time="value")
    with pytest.raises(ContractError, match="no transform, or two"):
        replace(lab_without_services.silver, transform=None)
