"""Column lineage as Spark itself analyses the tables' transforms."""

from __future__ import annotations

from dataclasses import dataclass

import pyspark.sql.functions as F
import pytest
from dagster import AssetKey
from pyspark.sql import Window

from lakehouse_assets.bronze import sales_transactions as bronze
from lakehouse_assets.engine.display import lineage
from lakehouse_assets.engine.display.analysed_plan import UnreadablePlan
from lakehouse_assets.engine.display.lineage import Traced
from lakehouse_assets.engine.kinds import Table, selecting
from lakehouse_assets.gold import sales_daily_revenue as gold
from lakehouse_assets.silver import sales_transactions as silver

pytestmark = pytest.mark.services

KEPT = ("topic_id", "partition", "offset")
EXPECTED = {
    bronze.table.key: {name: {name} for name in (*KEPT, "timestamp", "key", "value", "headers")}
    | {"event_date": {"timestamp", "value"}},
    silver.table.key: {name: {name} for name in (*KEPT, "event_date")}
    | {name: {"value"} for name in (*silver.PAYLOAD, "event_time", "is_cancellation") if name != "Date"},
    gold.table.key: {
        "event_date": {"event_date"},
        "revenue": {"Price"},
        "sales": {"Price", "is_cancellation"},
        "cancelled": {"Price", "is_cancellation"},
        "transactions": {"TransactionNo", "is_cancellation"},
        "units": {"Quantity"},
        "customers": {"CustomerNo"},
    },
}


@pytest.mark.parametrize(
    ("table", "source"),
    [
        (bronze.table, AssetKey(["kafka", "sales", "transactions"])),
        (silver.table, bronze.table.asset_key),
        (gold.table, silver.table.asset_key),
    ],
    ids=lambda value: value.key if isinstance(value, Table) else "",
)
def test_each_tables_columns_come_from_the_columns_its_transform_reads(services, spark, table, source):
    """All of them, against lists written by hand; `count(*)` comes from no column."""
    traced = lineage.trace(spark, services, table)

    found = lineage.column_lineage(spark, table, traced).deps_by_column

    assert {name: {dep.column_name for dep in deps} for name, deps in found.items()} == EXPECTED[table.key]
    assert {dep.asset_key for deps in found.values() for dep in deps} == {source}
    assert spark.conf.get("spark.sql.debug.maxToStringFields") == "25"


def test_a_fingerprint_changes_with_the_transform_and_not_with_the_session(services, spark):
    """So that Spark is asked again exactly when the answer may be another one."""
    first, again = (lineage.trace(spark, services, silver.table) for _ in range(2))
    changed = Traced(again.frame.withColumn("Country", F.upper("Country")), again.sources)

    assert first.fingerprint == again.fingerprint != changed.fingerprint


@pytest.fixture
def left(spark):
    return spark.createDataFrame([], "k int, a int, d date, l array<struct<p:int,q:string>>").alias("left")


@pytest.fixture
def right(spark):
    return spark.createDataFrame([], "k int, b string").alias("right")


def origins(spark, frame) -> dict[str, set[str]]:
    """By column: `source.column` of all it comes from."""
    found = lineage.column_origins(spark, Traced(frame, {"left": AssetKey("left"), "right": AssetKey("right")}))
    return {name: {".".join(origin) for origin in made} for name, made in found.items()}


def test_a_join_keeps_its_sides_apart(spark, left, right):
    """The key of a full join comes from both."""
    joined = left.join(right, "k", "full").select("k", (F.col("a") + 1).alias("a1"), F.lower("b").alias("b"))

    assert origins(spark, joined) == {"k": {"left.k", "right.k"}, "a1": {"left.a"}, "b": {"right.b"}}
    assert origins(spark, left.join(right, "k", "left_semi").select("a")) == {"a": {"left.a"}}


def test_a_union_comes_from_all_its_parts(spark, left, right):
    """By position, whatever the columns were called."""
    union = left.select("k", "a").union(right.select("k", F.length("b"))).select((F.col("a") * 2).alias("n"))

    assert origins(spark, union) == {"n": {"left.a", "right.b"}}


def test_a_window_comes_from_its_value_its_partition_and_its_order(spark, left):
    """All of them decide what it yields."""
    window = Window.partitionBy("k").orderBy("d")
    ranked = left.select("a", F.row_number().over(window).alias("rank"), F.sum("a").over(window).alias("sum"))

    assert origins(spark, ranked) == {
        "a": {"left.a"},
        "rank": {"left.k", "left.d"},
        "sum": {"left.a", "left.k", "left.d"},
    }


def test_aliases_of_aliases_and_parts_of_structs_are_followed(spark, left):
    """Names that are used again for something else do not mislead."""
    swapped = left.select(F.col("a").alias("k"), F.col("k").alias("a")).select(F.col("k").alias("x"), "a")
    parts = left.select(F.explode("l").alias("e"), "a").select(F.col("e.p").alias("p"), F.lit(1).alias("one"))
    mapped = left.select(F.transform("l", lambda each: each.p + F.col("a")).alias("m"))

    assert origins(spark, swapped) == {"x": {"left.a"}, "a": {"left.k"}}
    assert origins(spark, parts) == {"p": {"left.l"}, "one": set()}
    assert origins(spark, mapped) == {"m": {"left.l", "left.a"}}


SELECT = """
WITH longer AS (SELECT k, a + 1 AS a FROM one)
SELECT longer.a AS n, upper(b) AS b, again.d FROM longer JOIN two USING (k) JOIN one AS again ON again.k = longer.k
"""


def test_a_select_is_followed_through_the_names_of_its_tables(spark, left, right):
    """Named twice, and by expressions of its own."""
    frame = selecting.function_of(None, SELECT, [Named("one"), Named("two")])(left, right)

    assert origins(spark, frame) == {"n": {"left.a"}, "b": {"right.b"}, "d": {"left.d"}}


def test_a_select_has_the_same_fingerprint_each_time(spark, left, right):
    """Though Spark names its frames anew."""
    select = selecting.function_of(None, SELECT, [Named("one"), Named("two")])
    other = selecting.function_of(None, SELECT.replace("+ 1", "+ 2"), [Named("one"), Named("two")])
    first, again, changed = (Traced(made(left, right), {}).fingerprint for made in (select, select, other))

    assert first == again != changed


@dataclass(frozen=True)
class Named:
    """As much of an upstream as a SELECT asks for: itself and its table."""

    name: str
    looked_up: bool = False

    @property
    def table(self) -> Named:
        return self

    def decoded(self, rows, explode=""):
        return rows


def test_a_count_of_rows_comes_from_no_column(spark, left):
    """It would be the same with other columns."""
    assert origins(spark, left.groupBy("k").agg(F.count("*").alias("n"))) == {"k": {"left.k"}, "n": set()}


def test_what_cannot_be_read_for_certain_gives_no_lineage(spark, left, right):
    """A text that looks like an attribute or a column, a subquery, an operator that is not known."""
    frames = [
        left.select(F.concat(F.col("a"), F.lit("k#1")).alias("x")),
        left.select(F.lit("a, b AS c").alias("x")),
        left.select(F.lit("(").alias("x"), "a"),
        spark.sql("SELECT k, (SELECT max(b) FROM {r}) AS m FROM {l}", l=left, r=right),
        left.rollup("k", "a").count(),
        spark.range(3).select("id"),
    ]
    for frame in frames:
        with pytest.raises(UnreadablePlan):
            origins(spark, frame)
