"""Records that make several rows: each line is published, set aside or beaten by itself; none is lost or doubled."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pyspark.sql.functions as F
import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.decoding import CsvLine, Json
from lakehouse_assets.engine.kinds import AnswerTable, EventTable
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.errors import ContractError
from lakehouse_assets_tests.engine.lab import Lab

ITEM = T.StructType([T.StructField("sku", T.StringType()), T.StructField("units", T.IntegerType())])
ORDERS = Json({"no": T.StringType(), "at": T.TimestampType(), "items": T.ArrayType(ITEM)})
DAY = date(2017, 3, 1)
SELECT = "SELECT * EXCEPT (items), items.sku, items.units FROM {bronze}"
COORDINATES = '"partition", "offset", line'


class Item(DataFrameModel):
    """One item of an order."""

    no: T.StringType = Field(description="The order")
    sku: T.StringType = Field(description="The product")
    units: T.IntegerType = Field(gt=0, description="How many")


class Sold(DataFrameModel):
    """What of a product was sold on a day."""

    event_date: T.DateType = Field(description="The day")
    sku: T.StringType = Field(description="The product")
    units: T.LongType = Field(ge=0, description="How many")


def order(no: str, *items: tuple[Any, Any], **other: Any) -> bytes:
    lines = [{"sku": sku, "units": units} for sku, units in items]
    return json.dumps({"no": no, "at": "2017-03-01T10:00:00Z", "items": lines} | other).encode()


def items(lab: Lab, name: str = "items", **given: Any) -> EventTable:
    """A table of the lines of the lab's orders."""
    lab.bronze = replace(lab.bronze, decode=ORDERS, event_time="at")
    made: dict[str, Any] = {
        "key": lab.silver.key.replace("transactions", name),
        "owner": "team:tests",
        "description": "Items of orders.",
        "source": lab.bronze,
        "schema": Item,
        "grain": ("no", "sku"),
        "sql": SELECT.format(bronze=lab.bronze.name),
        "explode": "items",
    }
    return EventTable(**made | given)


def refine(lab: Lab, table: EventTable) -> None:
    lab.publish(table.increment(lab.engine(), LATER))


def account(lab: Lab, table: EventTable) -> Counter[tuple[int, int, int]]:
    """Every line that the table, its losers and its quarantine name, by (partition, offset, line)."""
    rows = lab.rows(table.key, f"{COORDINATES}, losers")
    own = [(row["partition"], row["offset"], row["line"]) for row in rows]
    lost = [(each["partition"], each["offset"], each["line"]) for row in rows for each in row["losers"]]
    aside = [tuple(row.values()) for row in lab.rows(table.quarantine, COORDINATES)]
    return Counter([*own, *lost, *aside])


def lines_of(*values: bytes) -> Counter[tuple[int, int, int]]:
    """What the account has to be: each line of each record once; one of a record without any."""
    sizes = [len(json.loads(value).get("items") or [0]) if value[:1] == b"{" else 1 for value in values]
    return Counter((0, offset, line) for offset, size in enumerate(sizes) for line in range(size))


SENT = (
    order("1", ("a", 1), ("b", "two"), ("c", 3)),
    order("2"),
    b"no json",
    order("3", ("a", 5), ("a", 6)),
    order("1", ("a", 1), ("c", 4)),
    order("4", ("a", 0), ("b", 2)),
)


@pytest.mark.services
def test_one_bad_line_of_a_good_order_is_set_aside_alone(lab: Lab):
    """What is good of it is published; a line that comes again is a loser; the account counts lines."""
    table = items(lab)
    lab.send(*SENT).land()
    refine(lab, table)

    rows = lab.rows(table.key, 'no, sku, units, "offset", line, event_date')
    assert [tuple(row.values()) for row in rows] == [
        ("1", "a", 1, 0, 0, DAY),
        ("1", "c", 3, 0, 2, DAY),
        ("3", "a", 5, 3, 0, DAY),
        ("4", "b", 2, 5, 1, DAY),
    ]
    aside = lab.rows(table.quarantine, '"offset", line, reasons')
    assert [(row["offset"], row["line"], list(row["reasons"])) for row in aside] == [
        (0, 1, ['items[].units: not an int: "two" at items[1].units']),
        (1, 0, ["items: no lines"]),
        (2, 0, ["value: not a JSON object"]),
        (5, 0, ["units: greater_than(0)"]),
    ]
    assert account(lab, table) == lines_of(*SENT)


@pytest.mark.services
@pytest.mark.slow
def test_the_same_lines_in_other_batches_make_the_same_table(lab: Lab):
    """One record a batch, or all at once, or computed anew: rows, losers and quarantine."""
    whole, single, rebuilt = (items(lab, name) for name in ("whole", "single", "rebuilt"))
    for value in SENT:
        lab.send(value).land()
        refine(lab, single)
    for table in (whole, rebuilt):
        refine(lab, table)
    lab.publish_all(rebuilt.rebuild(lab.engine(), [DAY]))

    def held(table: EventTable) -> Sequence[Any]:
        rows = lab.rows(table.key, f"no, sku, units, losers, {COORDINATES}")
        return rows, lab.rows(table.quarantine, f"{COORDINATES}, reasons, fields")

    assert held(single) == held(whole) == held(rebuilt)
    assert account(lab, single) == lines_of(*SENT)


@pytest.mark.services
def test_a_replay_takes_in_the_lines_that_were_set_aside_and_no_other(lab: Lab):
    """A mended contract lets the zero pass; the good lines of that order stay as they are, whatever new code says."""
    strict = items(lab)
    lab.send(*SENT).land()
    refine(lab, strict)

    class Lenient(Item):
        units: T.IntegerType = Field(ge=0, description="How many")

    select = SELECT.replace("items.sku", "upper(items.sku) AS sku")
    lenient = items(lab, schema=Lenient, sql=select.format(bronze=lab.bronze.name))
    lab.publish_all(lenient.replay(lab.engine(), [DAY]))

    rows = lab.rows(lenient.key, 'no, sku, units, "offset", line')
    found = [(row["no"], row["sku"], row["units"]) for row in rows]
    assert found == [("1", "a", 1), ("1", "c", 3), ("3", "a", 5), ("4", "A", 0), ("4", "b", 2)]
    assert [row["offset"] for row in lab.rows(lenient.quarantine, '"offset"')] == [0, 1, 2]
    assert account(lab, lenient) == lines_of(*SENT)


@pytest.mark.services
@pytest.mark.slow
def test_a_record_on_which_the_code_fails_is_set_aside_whole_and_comes_back_with_all_its_lines(lab: Lab):
    """As its first line until then: how many it has only the code could tell."""

    def fragile(orders):
        exact = orders.withColumns({"sku": F.col("items.sku"), "units": F.col("items.units")})
        return exact.withColumn("no", F.col("no").cast("int").cast("string"))

    table = items(lab, sql="", transform=fragile)
    sent = (order("1", ("a", 1)), order("x", ("a", 1), ("b", 2)), order("2", ("c", 3)))
    lab.send(*sent).land()
    refine(lab, table)

    assert [(row["no"], row["sku"]) for row in lab.rows(table.key, "no, sku")] == [("1", "a"), ("2", "c")]
    [aside] = lab.rows(table.quarantine, f"{COORDINATES}, reasons")
    assert (aside["offset"], aside["line"]) == (1, 0)
    assert "code fails on it" in aside["reasons"][0]

    mended = items(lab)
    lab.publish_all(mended.replay(lab.engine(), [DAY]))
    rows = lab.rows(mended.key, "no, sku")
    assert [(row["no"], row["sku"]) for row in rows] == [("1", "a"), ("2", "c"), ("x", "a"), ("x", "b")]
    assert account(lab, mended) == lines_of(*sent)


@pytest.mark.services
@pytest.mark.parametrize(
    ("explode", "select", "what"),
    [
        ("", "SELECT * EXCEPT (items), explode(items) AS item FROM {bronze}", "3 rows of 2 records: 0 .* 1 have more"),
        ("items", SELECT + " WHERE items.sku <> 'a'", "2 rows of 3 lines: 1 have none, 0 have more"),
        ("items", SELECT + " JOIN VALUES (1), (2)", "6 rows of 3 lines: 0 have none, 3 have more"),
    ],
)
def test_a_transform_that_loses_or_repeats_lines_is_refused_with_the_counts(lab: Lab, explode, select, what):
    """Nothing is published; who explodes by himself is told where to say it."""
    select = select if explode else f"SELECT * EXCEPT (item), item.sku, item.units FROM ({select})"
    lab.bronze = replace(lab.bronze, decode=ORDERS, event_time="at")
    table = items(lab, explode=explode, sql=select.format(bronze=lab.bronze.name))
    lab.send(order("1", ("a", 1), ("b", 2)), order("2", ("c", 3))).land()

    with pytest.raises(ContractError, match=what) as refused:
        refine(lab, table)
    assert "explode=" in str(refused.value)
    assert lab.rows(table.key) == []


@pytest.mark.services
def test_gold_over_lines_is_what_was_sold(lab: Lab):
    """It may read the number of the line."""
    table = items(lab, grain=("no", "line_no"), schema=Numbered, sql=NUMBERED.format(bronze=lab.bronze.name))
    gold = AnswerTable(
        key=lab.gold.key.replace("daily_revenue", "sold"),
        owner="team:tests",
        description="Units by product.",
        source=table,
        schema=Sold,
        grain=("sku",),
        sql=f"SELECT event_date, sku, sum(units) AS units FROM {table.name} WHERE line >= 0 GROUP BY ALL",
    )
    lab.send(order("1", ("a", 1), ("b", 2), ("a", 3)), order("2", ("a", 5))).land()
    refine(lab, table)
    lab.publish(gold.increment(lab.engine(), LATER))

    assert [(row["sku"], row["units"]) for row in lab.rows(gold.key, "sku, units")] == [("a", 9), ("b", 2)]


class Numbered(Item):
    """With its number."""

    line_no: T.IntegerType = Field(ge=0, description="Its number in the order")


NUMBERED = SELECT.replace("items.sku", "items.sku, line AS line_no")


def test_the_array_and_the_name_of_its_numbers_are_looked_at_when_the_table_is_defined(monkeypatch, tmp_path):
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("LAKEHOUSE_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    from lakehouse_assets.settings import load

    lab = Lab(load(), None)
    with pytest.raises(ContractError, match="no array 'lines' to make rows of: it has items"):
        items(lab, explode="lines")
    table = items(lab)
    no_array = replace(lab.bronze, decode=CsvLine({"no": T.StringType(), "at": T.TimestampType()}))
    with pytest.raises(ContractError, match="it has none"):
        replace(table, source=no_array)
    numbered = Json({"at": T.TimestampType(), "line": T.LongType(), "items": T.ArrayType(ITEM)})
    with pytest.raises(ContractError, match="has a column 'line'"):
        replace(table, source=replace(lab.bronze, decode=numbered))

    class Taken(Item):
        line: T.IntegerType = Field(description="Taken")

    with pytest.raises(ContractError, match="cannot have a column named 'line'"):
        replace(table, schema=Taken)
    assert replace(table, explode="", grain=("no",), schema=Taken).columns["line"]
