"""What rules cost: the same batch published without rules, with ours, and with Pandera's own validate, interleaved.

    python -m benchmarks.quality [--rows N] [--rounds N]

Twelve rules: three patterns, two sets, two ranges, three against nulls, one uniqueness over two columns, one reference
to another table. All of severity `warn`, so that each way publishes the same rows; one row in a thousand breaks each
row rule. Every way takes the batch from bronze, parses it, audits it, merges it into an empty silver table. Before a
time counts, counts are compared with the numbers that the rows were made with, and Pandera's verdict rule by rule.
Pandera knows no reference to another table, so it judges eleven of the twelve.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch
from uuid import uuid4

import pyspark.sql.functions as F
import pyspark.sql.types as T
from deltalake import DeltaTable
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import Column
from rich.console import Console
from rich.table import Table as RichTable

from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.kinds import EventTable
from lakehouse_assets.engine.payload import parse_json
from lakehouse_assets.engine.rules import ReferenceRule
from lakehouse_assets.engine.spark import connect, fit
from lakehouse_assets.engine.writing import judging
from lakehouse_assets.engine.writing.audits import Audit
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.rows import Rows, audited
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab

DAY = date(2017, 3, 1)
ONE_IN = 1000
PRODUCTS = 5000
COUNTRIES, METHODS = ["US", "CA", "MX"], ["card", "cash", "voucher", "cheque"]
TYPES = {
    "Id": T.LongType(),
    "TransactionNo": T.StringType(),
    "ProductNo": T.StringType(),
    "Till": T.StringType(),
    "Country": T.StringType(),
    "Method": T.StringType(),
    "Price": T.DecimalType(18, 2),
    "Quantity": T.IntegerType(),
    "CustomerNo": T.LongType(),
    "Clerk": T.StringType(),
    "Note": T.StringType(),
}
WARN = {"severity": "warn"}


class Bare(DataFrameModel):
    """The columns, and no rule."""

    Id: T.LongType = Field()
    TransactionNo: T.StringType = Field(nullable=True)
    ProductNo: T.StringType = Field(nullable=True)
    Till: T.StringType = Field(nullable=True)
    Country: T.StringType = Field(nullable=True)
    Method: T.StringType = Field(nullable=True)
    Price: T.DecimalType(18, 2) = Field(nullable=True)
    Quantity: T.IntegerType = Field(nullable=True)
    CustomerNo: T.LongType = Field(nullable=True)
    Clerk: T.StringType = Field(nullable=True)
    Note: T.StringType = Field(nullable=True)


class RowRules(Bare):
    """Ten rules that each row is held to by itself."""

    TransactionNo: T.StringType = Field(nullable=True, str_matches=r"C?\d+$", metadata=WARN)
    ProductNo: T.StringType = Field(nullable=True, str_matches=r"P\d+$", metadata=WARN)
    Till: T.StringType = Field(nullable=True, str_matches=r"[A-Z]{2}-\d{2}$", metadata=WARN)
    Country: T.StringType = Field(nullable=True, isin=COUNTRIES, metadata=WARN)
    Method: T.StringType = Field(nullable=True, isin=METHODS, metadata=WARN)
    Price: T.DecimalType(18, 2) = Field(nullable=True, in_range={"min_value": 0, "max_value": 1000}, metadata=WARN)
    Quantity: T.IntegerType = Field(nullable=True, in_range={"min_value": 0, "max_value": 100}, metadata=WARN)
    CustomerNo: T.LongType = Field(metadata=WARN)
    Clerk: T.StringType = Field(metadata=WARN)
    Note: T.StringType = Field(metadata=WARN)


class AllRules(RowRules):
    """And the two over several rows."""

    class Config:
        """Over the batch."""

        unique: ClassVar = ["TransactionNo", "Till"]
        metadata: ClassVar = {"severity": {"unique": "warn"}, "rules": ()}


class PanderasRules(RowRules):
    """What Pandera can judge of them by itself."""

    class Config:
        """Over the frame."""

        unique: ClassVar = ["TransactionNo", "Till"]


def main() -> None:
    """Fills bronze, runs the rounds, prints medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"LAKEHOUSE_HOME": folder, "LAKEHOUSE_MAX_RECORDS_PER_BATCH": str(asked.rows)}
        stack = Stack(Path(folder))
        stack.up("kafka", "s3", "spark")
        try:
            bench = Bench(asked.rows)
            rounds = [bench.round(number) for number in range(asked.rounds + 1)][1:]
        finally:
            stack.down()
    show(rounds, asked.rows)


def value() -> Column:
    """A record's JSON; row n of each thousand breaks rule n."""
    number, turn = F.col("id"), F.col("id") % ONE_IN

    def broken(at: int, good: Any, bad: Any) -> Any:
        return F.when(turn == at, F.lit(bad)).otherwise(good)

    fields = {
        "Id": number,
        "TransactionNo": broken(0, F.floor(number / 3).cast("string"), "x1"),
        "ProductNo": broken(1, F.concat(F.lit("P"), (number % PRODUCTS).cast("string")), "none"),
        "Till": broken(2, F.concat(F.lit("AB-"), (number % 3 + 10).cast("string")), "till"),
        "Country": broken(3, F.element_at(F.array(*map(F.lit, COUNTRIES)), (number % 3 + 1).cast("int")), "??"),
        "Method": broken(4, F.element_at(F.array(*map(F.lit, METHODS)), (number % 4 + 1).cast("int")), "shells"),
        "Price": broken(5, (number % 900).cast("decimal(18,2)"), "1000.01").cast("decimal(18,2)"),
        "Quantity": broken(6, (number % 90).cast("int"), -1),
        "CustomerNo": broken(7, number % 777, None),
        "Clerk": broken(8, F.lit("somebody"), None),
        "Note": broken(9, F.lit("a line of a receipt"), None),
    }
    return F.to_json(F.struct(*[column.alias(name) for name, column in fields.items()]), {"ignoreNullFields": "false"})


class Bench:
    """Bronze with the rows, and a silver table of its own for each way and round."""

    def __init__(self, rows: int) -> None:
        settings = load()
        self.rows, self.panderas = rows, {}
        self.lab = Lab(settings, connect(settings, str(uuid4())))
        self.products = replace(self.table(Bare), key=f"{self.lab.silver.key}_products")
        self.land()
        self.land_products()

    def table(self, model: type[DataFrameModel]) -> EventTable:
        """A silver table that does not exist yet."""
        return replace(
            self.lab.silver,
            key=f"{self.lab.silver.key}_{uuid4().hex[:8]}",
            schema=model,
            grain=("Id",),
            transform=lambda records: parse_json(records, TYPES),
        )

    def land(self) -> None:
        """The rows in bronze, with the commit that states their position."""
        numbers = self.lab.spark.range(self.rows)
        rows = numbers.select(
            F.lit("bench").alias("topic_id"),
            F.lit(0).alias("partition"),
            F.col("id").alias("offset"),
            F.lit(DAY).cast("timestamp").alias("timestamp"),
            F.lit(None).cast("binary").alias("key"),
            value().cast("binary").alias("value"),
            F.lit(None).cast("array<struct<key:string,value:binary>>").alias("headers"),
            F.lit(DAY).alias("event_date"),
        )
        slices = (Slice("bench", 0, 0, self.rows),)
        said = Statement("increment", "bench", (DAY,), position=Position().advance(slices))
        before = self.lab.lake.ledger(self.lab.bronze.key)
        self.lab.publish(Publication(self.lab.bronze, "append", rows, said, before, slices=slices))

    def land_products(self) -> None:
        """The table that the reference rule looks into."""
        name = F.concat(F.lit("P"), F.col("id").cast("string")).alias("ProductNo")
        self.lab.spark.range(PRODUCTS).select(name).write.format("delta").save(
            self.lab.lake.uri(self.products.key, "s3a")
        )

    def round(self, number: int) -> dict[str, float]:
        """Seconds of each way; the order turns from round to round."""
        ways: list[tuple[str, Callable[[], float]]] = [
            ("no rules", lambda: self.published(Bare, {})),
            ("ten row rules", lambda: self.published(RowRules, self.row_counts())),
            ("all twelve", lambda: self.published(self.all_rules(), self.row_counts() | self.staged_counts())),
            ("Pandera's validate", self.validated),
        ]
        turned = ways[number % len(ways) :] + ways[: number % len(ways)]
        found = {name: way() for name, way in turned}
        sys.stdout.write(f"{ {name: found[name] for name, _ in ways} }\n")
        sys.stdout.flush()
        return found

    def all_rules(self) -> type[DataFrameModel]:
        """With the reference, which names a table of this bench."""
        reference = ReferenceRule("ProductNo", self.products.key, "ProductNo", "warn")

        class Twelve(AllRules):
            class Config(AllRules.Config):
                metadata: ClassVar = AllRules.Config.metadata | {"rules": (reference,)}

        return Twelve

    def row_counts(self) -> dict[str, int]:
        """One row in a thousand breaks each."""
        names = {rule.name for rule in self.table(RowRules).contract.rules}
        names -= {rule.name for rule in self.table(Bare).contract.rules}
        return dict.fromkeys(names, -(-self.rows // ONE_IN))

    def staged_counts(self) -> dict[str, int]:
        """In plain Python: groups of (TransactionNo, Till) with more than one row; product `none` is unknown."""
        groups: dict[tuple[str, str], int] = {}
        for number in range(self.rows):
            receipt = "x1" if number % ONE_IN == 0 else str(number // 3)
            at = receipt, "till" if number % ONE_IN == 2 else f"AB-{number % 3 + 10}"
            groups[at] = groups.get(at, 0) + 1
        repeated = sum(count for count in groups.values() if count > 1)
        unknown = -(-(self.rows - 1) // ONE_IN)
        counts = {"unique: TransactionNo, Till": repeated, f"ProductNo: in {self.products.key}.ProductNo": unknown}
        return {name: count for name, count in counts.items() if count}

    def published(self, model: type[DataFrameModel], expected: dict[str, int]) -> float:
        """Seconds from bronze to the commit."""
        table = self.table(model)
        seconds, publication = self.timed(table)
        assert dict(publication.audit.broken.get(DAY, {})) == expected, publication.audit.broken
        return seconds

    def validated(self) -> float:
        """Without rules of ours; Pandera validates the rows that are about to be merged."""

        def validating(judged: Rows, *given: Any) -> Audit:
            counted = audited(judged, *given)
            self.panderas = PanderasRules.validate(judged.frame).pandera.errors
            return counted

        with patch.object(judging, "audited", validating):
            seconds, _ = self.timed(self.table(Bare))
        named = {str(each["check"]) for each in self.panderas["DATA"]["DATAFRAME_CHECK"]}
        nulls = {each["column"] for kind in self.panderas["SCHEMA"].values() for each in kind}
        assert len(named) == 7, named
        assert {"CustomerNo", "Clerk", "Note"} <= nulls, nulls
        return seconds

    def timed(self, table: EventTable) -> tuple[float, Publication]:
        """Plans and publishes the whole of bronze."""
        engine = self.lab.engine()
        fit(engine.spark, self.rows)
        began = time.monotonic()
        publication = table.increment(engine, LATER)
        assert publication is not None
        self.lab.publish(publication)
        seconds = time.monotonic() - began
        found = DeltaTable(self.lab.lake.uri(table.key), storage_options=self.lab.storage_options())
        assert found.count() == self.rows
        return round(seconds, 2), publication


def show(rounds: list[dict[str, float]], rows: int) -> None:
    """Medians, extremes, and what each way adds to the one without rules."""
    shown = RichTable(title=f"{rows:,} rows, {len(rounds)} rounds, seconds", title_justify="left")
    for column in ("", "median", "least", "most", "over no rules", "extra s"):
        shown.add_column(column, justify="right" if column else "left")
    for name in rounds[0]:
        found = [each[name] for each in rounds]
        ratio = statistics.median(each[name] / each["no rules"] for each in rounds)
        extra = statistics.median(each[name] - each["no rules"] for each in rounds)
        seconds = (statistics.median(found), min(found), max(found))
        shown.add_row(name, *(f"{each:.2f}" for each in seconds), f"{ratio:.3f}", f"{extra:.2f}")
    Console().print(shown)


if __name__ == "__main__":
    main()
