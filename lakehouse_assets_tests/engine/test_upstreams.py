"""Tables that live on several others: what they hold is what plain Python makes of all that was sent."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pyspark.sql.functions as F
import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame

from lakehouse_assets.engine.grids import MONTHLY
from lakehouse_assets.engine.history.meeting import meet
from lakehouse_assets.engine.history.provenance import by_source
from lakehouse_assets.engine.kinds import AnswerTable, EventTable, Table, Upstream
from lakehouse_assets.engine.orchestration import backfills
from lakehouse_assets.engine.payload import parse_json
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.errors import ContractError
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = pytest.mark.services
SLOW = pytest.mark.slow
"""What another test of this file nearly shows."""

MARCH_1, MARCH_2, MARCH_9 = date(2017, 3, 1), date(2017, 3, 2), date(2017, 3, 9)
APRIL_1 = date(2017, 4, 1)
COUNTED = ("sold", "crates")
SHIPPED = {"No": T.StringType(), "Date": T.TimestampType(), "Crates": T.IntegerType()}


def shipment(number: int, crates: int = 1, date: str = "2017-03-01") -> bytes:
    return json.dumps({"No": str(number), "Date": date, "Crates": crates}).encode()


class Shipment(DataFrameModel):
    No: T.StringType = Field(description="Shipment")
    event_time: T.TimestampType = Field(description="When")
    Crates: T.IntegerType = Field(ge=0, description="How many")


def shipments(records: DataFrame) -> DataFrame:
    return parse_json(records, SHIPPED, columns={"Date": "event_time"})


class Balance(DataFrameModel):
    event_date: T.DateType = Field(description="Day")
    sold: T.LongType = Field(description="Lines sold")
    crates: T.LongType = Field(description="Crates that came")


def balance(sales: DataFrame, shipped: DataFrame) -> DataFrame:
    """An outer join by day."""
    sold = sales.groupBy("event_date").agg(F.count("*").alias("sold"))
    came = shipped.groupBy("event_date").agg(F.sum("Crates").alias("crates"))
    joined = sold.join(came, on="event_date", how="full_outer")
    return joined.select(
        "event_date", *(F.coalesce(name, F.lit(0)).cast("long").alias(name) for name in ("sold", "crates"))
    )


@dataclass
class Labs:
    """Two topics, and a table of answers over both."""

    sales: Lab
    shipped: Lab
    sent: dict[str, Counter[date]] = field(default_factory=lambda: {"sold": Counter(), "crates": Counter()})

    def __post_init__(self) -> None:
        self.shipped.silver = replace(
            self.shipped.silver, schema=Shipment, grain=("No",), transform=shipments, source=self.shipped.bronze
        )
        key = self.sales.gold.key.replace("daily_revenue", "balance")
        self.joint = replace(
            self.sales.gold,
            key=key,
            source=(self.sales.silver, self.shipped.silver),
            schema=Balance,
            transform=balance,
            plot="",
        )

    def sell(self, number: int, day: date = MARCH_1) -> Labs:
        self.sales.send(sale(number, date=str(day)))
        self.sent["sold"][day] += 1
        return self

    def ship(self, number: int, crates: int, day: date = MARCH_1) -> Labs:
        self.shipped.send(shipment(number, crates, str(day)))
        self.sent["crates"][day] += crates
        return self

    def run(self, lab: Lab) -> None:
        """What the run of one source does: its own tables, and what both make."""
        lab.land()
        lab.refine()
        self.increment(self.joint)

    def increment(self, table: Table) -> Any:
        return self.sales.publish(table.increment(self.sales.engine(), LATER))

    def expected(self) -> list[dict[str, Any]]:
        days = {*self.sent["sold"], *self.sent["crates"]}
        return [
            {"event_date": day, **{name: self.sent[name][day] for name in ("sold", "crates")}} for day in sorted(days)
        ]

    def found(self, version: int | None = None) -> list[dict[str, Any]]:
        return self.sales.rows(self.joint.key, "event_date, sold, crates", version)


@pytest.fixture
def labs(services, spark) -> Labs:
    return Labs(Lab(services, spark).create_topic(), Lab(services, spark).create_topic())


@pytest.mark.slow
def test_an_answer_over_two_topics_takes_in_each_as_it_comes_and_waits_for_none(labs: Labs):
    """One of them is silent, or broken, or comes first: what is there counts; a rebuild makes the same of it."""
    labs.sell(1).run(labs.sales)
    assert labs.found() == labs.expected()
    labs.ship(1, 5).ship(2, 2, MARCH_2).run(labs.shipped)
    assert labs.found() == labs.expected()
    labs.sell(2, MARCH_2).sell(3, APRIL_1)
    labs.run(labs.shipped)
    assert labs.increment(labs.joint) is None
    labs.run(labs.sales)
    assert labs.found() == labs.expected()

    before = labs.sales.rows(labs.joint.key)
    labs.sales.publish_all(labs.joint.rebuild(labs.sales.engine(), [MARCH_1, MARCH_2, APRIL_1]))
    assert labs.sales.rows(labs.joint.key) == before


@SLOW
def test_its_position_tells_each_source_in_every_version(labs: Labs):
    """As it was then, and as it is now."""
    labs.sell(1).run(labs.sales)
    older = labs.sales.lake.version(labs.joint.key)
    labs.ship(1, 5).ship(2, 5).sell(2).run(labs.shipped)
    labs.run(labs.sales)

    told = {
        version: {
            origin: sum(map(len, position.slices()))
            for origin, position in by_source(
                labs.sales.lake, labs.joint, labs.sales.lake.ledger(labs.joint.key, version).position
            ).items()
        }
        for version in (older, None)
    }
    sales, shipped = labs.sales.bronze.origin, labs.shipped.bronze.origin
    assert told == {older: {sales: 1, shipped: 0}, None: {sales: 2, shipped: 2}}


@SLOW
def test_a_rebuild_of_one_source_reaches_the_answer_although_the_other_has_moved(labs: Labs):
    """A day that was computed anew from other code; the other source's newest record is no excuse."""
    labs.sell(1).ship(1, 5).run(labs.sales)
    labs.run(labs.shipped)
    twice = replace(labs.shipped.silver, transform=doubled)
    labs.sales.publish_all(twice.rebuild(labs.sales.engine(), [MARCH_1]))
    labs.sell(2)
    labs.run(labs.sales)

    assert labs.found() == [{"event_date": MARCH_1, "sold": 2, "crates": 10}]


def doubled(records: DataFrame) -> DataFrame:
    return shipments(records).withColumn("Crates", (F.col("Crates") * 2).cast("int"))


class Both(DataFrameModel):
    No: T.StringType = Field(description="Sale or shipment")
    kind: T.StringType = Field(description="Which of the two")


def both(sales: DataFrame, shipped: DataFrame) -> DataFrame:
    sold = parse_json(sales, {"TransactionNo": T.StringType()}, columns={"TransactionNo": "No"})
    came = parse_json(shipped, {"No": T.StringType()})
    return sold.withColumn("kind", F.lit("sold")).unionByName(came.withColumn("kind", F.lit("came")))


def of_both(labs: Labs) -> EventTable:
    return EventTable(
        key=labs.sales.silver.key.replace("transactions", "movements"),
        owner="team:tests",
        description="Both.",
        source=(labs.sales.bronze, labs.shipped.bronze),
        schema=Both,
        grain=("No",),
        transform=both,
        keep="last",
    )


@pytest.mark.parametrize(
    "order", [pytest.param("sales first", marks=SLOW), "shipped first", pytest.param("together", marks=SLOW)]
)
def test_events_of_two_topics_are_the_same_in_whichever_order_they_come(labs: Labs, order: str):
    """A grain that both have goes to the second source's record; the loser is kept, and a rebuild says the same."""
    table = of_both(labs)
    labs.sell(1).sell(2).ship(2, 1).ship(3, 1)
    labs.sales.send(b"no json")
    first = [labs.sales, labs.shipped] if order != "shipped first" else [labs.shipped, labs.sales]
    for lab in first:
        lab.land()
        if order != "together":
            labs.increment(table)
    labs.increment(table)

    rows = labs.sales.rows(table.key, '"No", kind')
    assert [(row["No"], row["kind"]) for row in rows] == [("1", "sold"), ("2", "came"), ("3", "came")]
    assert [len(row["losers"]) for row in labs.sales.rows(table.key, '"No", losers')] == [0, 1, 0]
    assert labs.sales.coordinates(table.quarantine) == [(0, 2)]
    labs.sales.publish_all(table.rebuild(labs.sales.engine(), [MARCH_1]))
    assert [(row["No"], row["kind"]) for row in labs.sales.rows(table.key, '"No", kind')] == [
        ("1", "sold"),
        ("2", "came"),
        ("3", "came"),
    ]


class Month(DataFrameModel):
    event_month: T.DateType = Field(description="First day")
    sold: T.LongType = Field(description="Lines sold")


def by_month(days: DataFrame) -> DataFrame:
    month = F.to_date(F.date_trunc("month", "event_date")).alias("event_month")
    return days.groupBy(month).agg(F.sum("sold").cast("long").alias("sold"))


class Moving(DataFrameModel):
    event_date: T.DateType = Field(description="Day")
    sold: T.LongType = Field(description="Lines sold on the seven days up to it")


def moving(days: DataFrame) -> DataFrame:
    """Each day counts for itself and for the six after it."""
    after = F.explode(F.sequence(F.lit(0), F.lit(6)))
    counted = days.select("event_date", "sold", after.alias("n"))
    on_day = counted.select(F.date_add("event_date", F.col("n")).alias("event_date"), "sold")
    return on_day.groupBy("event_date").agg(F.sum("sold").cast("long").alias("sold"))


def over_days(labs: Labs, name: str, **given: Any) -> AnswerTable:
    key = labs.joint.key.replace("balance", name)
    return AnswerTable(key=key, owner="team:tests", description="By time.", **given)


@SLOW
def test_a_month_and_a_moving_sum_are_computed_from_daily_answers(labs: Labs):
    """Increments touch the months and days that need it and no others; rebuilds of them say the same."""
    months = over_days(labs, "months", source=labs.joint, schema=Month, transform=by_month, grid=MONTHLY)
    week = Upstream(labs.joint, back=timedelta(days=6))
    sums = over_days(labs, "sums", source=week, schema=Moving, transform=moving)
    labs.sell(1).sell(2, MARCH_2).sell(3, MARCH_9).sell(4, APRIL_1).run(labs.sales)
    for table in (months, sums):
        labs.increment(table)
    labs.sell(5, MARCH_2).run(labs.sales)
    touched = {table.key: labs.increment(table).statement.days for table in (months, sums)}

    assert touched[months.key] == (MARCH_1,)
    assert touched[sums.key] == tuple(MARCH_2 + timedelta(days=n) for n in range(7))
    expected = monthly(labs.sent["sold"])
    assert labs.sales.rows(months.key, "event_month, sold") == expected
    assert labs.sales.rows(sums.key, "event_date, sold") == moved(labs.sent["sold"])
    before = [labs.sales.rows(table.key) for table in (months, sums)]
    labs.sales.publish_all(months.rebuild(labs.sales.engine(), [MARCH_1, APRIL_1]))
    labs.sales.publish_all(sums.rebuild(labs.sales.engine(), [MARCH_2, MARCH_9]))
    assert [labs.sales.rows(table.key) for table in (months, sums)] == before


def monthly(sold: Counter[date]) -> list[dict[str, Any]]:
    found = Counter[date]()
    for day, lines in sold.items():
        found[day.replace(day=1)] += lines
    return sorted(({"event_month": month, "sold": lines} for month, lines in found.items()), key=repr)


def moved(sold: Counter[date]) -> list[dict[str, Any]]:
    found = Counter[date]()
    for day, lines in sold.items():
        for n in range(7):
            found[day + timedelta(days=n)] += lines
    return sorted(({"event_date": day, "sold": lines} for day, lines in found.items()), key=repr)


def test_a_backfill_of_a_day_names_the_months_and_days_that_need_it(labs: Labs):
    months = over_days(labs, "months", source=labs.joint, schema=Month, transform=by_month, grid=MONTHLY)
    sums = over_days(labs, "sums", source=Upstream(labs.joint, back=timedelta(days=6)), schema=Moving, transform=moving)

    planned = backfills.planned(labs.sales.lake, [labs.joint, months, sums], [MARCH_1, MARCH_2])

    assert planned[months] == (MARCH_1,)
    assert planned[sums] == tuple(MARCH_1 + timedelta(days=n) for n in range(8))


@pytest.mark.slow
def test_two_tables_of_one_topic_are_read_at_one_position(labs: Labs):
    """One of them is held: what lives on both stays where both were, and catches up with it, equal to a rebuild."""
    lab = labs.sales
    second = replace(lab.silver, key=lab.silver.key.replace("transactions", "tickets"))
    diamond = replace(labs.joint, source=(lab.silver, second), transform=pairs)
    for number in (1, 2):
        lab.send(sale(number)).land()
        for table in (lab.silver, second, diamond):
            labs.increment(table)
    for number in (3, 4):
        lab.send(sale(number)).land()
        labs.increment(lab.silver)
        assert labs.increment(diamond) is None
    assert pairs_of(labs, diamond) == [(MARCH_1, 2, 2)]
    lab.publish_all(lab.silver.rebuild(lab.engine(), [MARCH_1]))
    assert meet(lab.lake, diamond).position == lab.position(second)
    labs.increment(second)
    labs.increment(diamond)

    assert pairs_of(labs, diamond) == [(MARCH_1, 4, 4)]
    assert lab.position(diamond) == lab.position(lab.bronze)
    before = lab.rows(diamond.key)
    lab.publish_all(diamond.rebuild(lab.engine(), [MARCH_1]))
    assert lab.rows(diamond.key) == before


def pairs(left: DataFrame, right: DataFrame) -> DataFrame:
    counted = right.groupBy("event_date").agg(F.count("*").alias("crates"))
    return left.groupBy("event_date").agg(F.count("*").alias("sold")).join(counted, on="event_date")


def pairs_of(labs: Labs, table: Table) -> list[tuple[date, int, int]]:
    return [(row["event_date"], row["sold"], row["crates"]) for row in labs.sales.rows(table.key)]


@pytest.mark.slow
def test_what_is_looked_up_makes_no_increment_and_is_told_as_stale(labs: Labs):
    """The names come after the events: `stale` names the day, and its rebuild has them."""
    lab = labs.sales
    names = labs.shipped.silver
    table = replace(
        labs.joint,
        key=labs.joint.key.replace("balance", "named"),
        source=(lab.silver, Upstream(names, looked_up=True)),
        transform=named,
    )
    labs.sell(1).run(lab)
    labs.increment(table)
    assert pairs_of(labs, table) == [(MARCH_1, 1, 0)]
    labs.ship(1, 7)
    labs.run(labs.shipped)

    assert labs.increment(table) is None
    assert backfills.stale_days(lab.lake, table).days == (MARCH_1,)
    lab.publish_all(table.rebuild(lab.engine(), [MARCH_1]))
    assert pairs_of(labs, table) == [(MARCH_1, 1, 7)]
    assert backfills.stale_days(lab.lake, table).days == ()


def named(sales: DataFrame, names: DataFrame) -> DataFrame:
    """Crates of the shipment that has the sale's number."""
    known = sales.join(names.select("No", "Crates"), on=F.col("TransactionNo") == F.col("No"), how="left")
    counted = known.groupBy("event_date").agg(F.count("*").alias("sold"), F.sum("Crates").alias("crates"))
    return counted.select("event_date", "sold", F.coalesce("crates", F.lit(0)).cast("long").alias("crates"))


@pytest.mark.slow
def test_a_select_is_a_function_of_the_names_of_what_it_reads(labs: Labs):
    """With a common table expression and braces of its own; increments and a rebuild of it."""
    sold, shipped = labs.sales.silver.name, labs.shipped.silver.name
    labs.joint = replace(labs.joint, transform=None, sql=BALANCE.format(sold=sold, shipped=shipped))
    labs.sell(1).ship(1, 5, MARCH_2).run(labs.sales)
    labs.run(labs.shipped)
    assert labs.found() == labs.expected()
    labs.sell(2, MARCH_2).run(labs.sales)
    assert labs.found() == labs.expected()

    labs.sales.publish_all(labs.joint.rebuild(labs.sales.engine(), [MARCH_1, MARCH_2]))
    assert labs.found() == labs.expected()


BALANCE = """
WITH came AS (SELECT event_date, sum(Crates) AS crates FROM {shipped} GROUP BY event_date),
     sold AS (SELECT event_date, count('{{}}') AS sold FROM {sold} GROUP BY event_date)
SELECT coalesce(sold.event_date, came.event_date) AS event_date,
       coalesce(sold.sold, 0) AS sold, coalesce(came.crates, 0) AS crates
FROM sold FULL OUTER JOIN came ON sold.event_date = came.event_date
"""


def test_a_select_and_a_function_together_are_refused_and_neither_is(labs: Labs):
    with pytest.raises(ContractError, match="no transform, or two"):
        replace(labs.joint, sql="SELECT 1")
    with pytest.raises(ContractError, match="no transform, or two"):
        replace(labs.joint, transform=None)
    with pytest.raises(ContractError, match="not one SELECT"):
        replace(labs.joint, transform=None, sql="SELECT 1;")


def test_events_need_records_and_sources_that_are_parted_alike(labs: Labs):
    with pytest.raises(ContractError, match="holds no records of a source"):
        replace(of_both(labs), source=labs.sales.silver)
    with pytest.raises(ContractError, match="looks up before a source"):
        replace(of_both(labs), source=(Upstream(labs.shipped.silver, looked_up=True), labs.sales.bronze))
    with pytest.raises(ContractError, match="parted otherwise"):
        replace(of_both(labs), source=(labs.sales.bronze, replace(labs.shipped.bronze, grid=MONTHLY)))
