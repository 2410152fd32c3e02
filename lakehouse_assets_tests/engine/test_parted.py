"""Tables parted otherwise than by the day: by the hour, and not at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pyspark.sql.functions as F
import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame

from lakehouse_assets.engine.grids import HOURLY, WHOLE
from lakehouse_assets.engine.kinds import AnswerTable, DimensionTable
from lakehouse_assets.engine.payload import parse_json
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services

MARCH_1, MARCH_2 = date(2017, 3, 1), date(2017, 3, 2)
TIMES = ["2017-03-01T00:00:00Z", "2017-03-01T00:59:59Z", "2017-03-01T23:10:00Z", "2017-03-02T00:00:01Z"]


class Sold(DataFrameModel):
    event_date: T.DateType = Field(description="Day")
    sold: T.LongType = Field(description="Lines")


class SoldByHour(DataFrameModel):
    event_hour: T.StringType = Field(description="Hour")
    sold: T.LongType = Field(description="Lines")


def by_hour(sales: DataFrame) -> DataFrame:
    return sales.groupBy("event_hour").agg(F.count("*").alias("sold"))


def by_day(sales: DataFrame) -> DataFrame:
    day = F.to_date(F.substring("event_hour", 1, 10)).alias("event_date")
    return sales.groupBy(day).agg(F.count("*").alias("sold"))


def hourly(lab: Lab) -> tuple[AnswerTable, AnswerTable]:
    lab.bronze = replace(lab.bronze, grid=HOURLY)
    lab.silver = replace(lab.silver, source=lab.bronze)
    common = {"owner": "team:tests", "description": "By time.", "source": lab.silver}
    hours = AnswerTable(
        key=lab.gold.key.replace("daily", "hourly"), schema=SoldByHour, transform=by_hour, grid=HOURLY, **common
    )
    return hours, AnswerTable(key=lab.gold.key, schema=Sold, transform=by_day, **common)


@pytest.mark.slow
def test_hours_are_folders_increments_and_rebuilds_and_days_are_made_from_them(lab: Lab):
    """Bronze, silver and its quarantine by the hour; gold by the hour and by the day of the hours."""
    hours, days = hourly(lab)
    sent = Counter[str]()
    for batch, times in enumerate((TIMES, TIMES[:1])):
        for number, time in enumerate(times):
            lab.send(sale(10 * batch + number, date=time), sale(f"x{batch}{number}", date=time))
            sent[f"{time[:13].replace('T', '-')}:00"] += 1
        lab.land()
        lab.refine()
        increments = [lab.publish(each.increment(lab.engine(), LATER)) for each in (hours, days)]
    wanted = {*sent}

    assert increments[0].statement.days == ("2017-03-01-00:00",)
    assert increments[1].statement.days == (MARCH_1,)
    for table in (lab.bronze.key, lab.silver.key, lab.silver.quarantine, hours.key):
        assert {*lab.lake.days(table)} == wanted
    assert lab.rows(hours.key) == sorted(({"event_hour": hour, "sold": n} for hour, n in sent.items()), key=repr)
    assert lab.rows(days.key) == [{"event_date": MARCH_1, "sold": 4}, {"event_date": MARCH_2, "sold": 1}]
    before = [lab.rows(key) for key in (lab.silver.key, hours.key, days.key)]
    for table in (lab.bronze, lab.silver, hours):
        lab.publish_all(table.rebuild(lab.engine(), ["2017-03-01-00:00", "2017-03-01-23:00"]))
    lab.publish_all(days.rebuild(lab.engine(), [MARCH_1]))
    assert [lab.rows(key) for key in (lab.silver.key, hours.key, days.key)] == before


class Product(DataFrameModel):
    ProductNo: T.StringType = Field(str_matches=r"P\d$", description="Product")
    ProductName: T.StringType = Field(description="Name")


def product(records: DataFrame) -> DataFrame:
    return parse_json(records, {"ProductNo": T.StringType(), "ProductName": T.StringType()})


def dimension(lab: Lab) -> DimensionTable:
    return DimensionTable(
        key=lab.silver.key.replace("transactions", "products"),
        owner="team:tests",
        description="Products.",
        source=lab.bronze,
        schema=Product,
        grain=("ProductNo",),
        transform=product,
    )


def names(lab: Lab, table: DimensionTable) -> list[dict[str, Any]]:
    return lab.rows(table.key, '"ProductNo", "ProductName"')


@pytest.mark.slow
def test_a_dimension_has_one_row_a_key_the_newest_whatever_its_day(lab: Lab):
    """Older records are its losers; what breaks a rule is set aside; a rebuild and a replay say the same."""
    table = dimension(lab)
    lab.send(sale(1, "P1", ProductName="Milk"), sale(2, "P2", ProductName="Tea"), sale(3, "Q9")).land()
    first = lab.publish(table.increment(lab.engine(), LATER))
    lab.send(sale(4, "P1", date="2017-02-01", ProductName="Oat milk")).land()
    lab.publish(table.increment(lab.engine(), LATER))
    expected = [{"ProductNo": "P1", "ProductName": "Oat milk"}, {"ProductNo": "P2", "ProductName": "Tea"}]

    assert first.statement.days == (WHOLE,)
    assert names(lab, table) == expected
    assert lab.coordinates(table.quarantine) == [(0, 2)]
    lab.publish_all(table.rebuild(lab.engine(), [WHOLE]))
    assert names(lab, table) == expected
    wider = replace(table, schema=Any9)
    lab.publish_all(wider.replay(lab.engine(), [WHOLE]))
    assert names(lab, table) == [*expected, {"ProductNo": "Q9", "ProductName": "Milk"}]
    assert lab.coordinates(table.quarantine) == []


class Any9(Product):
    ProductNo: T.StringType = Field(str_matches=r"[PQ]\d$", description="Product")


@pytest.mark.slow
def test_a_dimension_is_the_same_in_whichever_batches_it_came(lab: Lab, services, spark):
    """One batch of all, and one for each record."""
    records = [sale(n, f"P{n % 3}", ProductName=f"name {n}", date=f"2017-03-0{1 + n % 2}") for n in range(7)]
    table = dimension(lab)
    lab.send(*records).land()
    lab.publish(table.increment(lab.engine(), LATER))
    single = Lab(services, spark).create_topic()
    for record in records:
        single.send(record).land()
        single.publish(dimension(single).increment(single.engine(), LATER))

    assert names(single, dimension(single)) == names(lab, table)
    assert names(lab, table) == [
        {"ProductNo": f"P{n}", "ProductName": f"name {last}"} for n, last in ((0, 6), (1, 4), (2, 5))
    ]
