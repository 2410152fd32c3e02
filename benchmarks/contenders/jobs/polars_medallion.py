"""The medallion by dagster-delta's IO manager for Polars: one in-process Dagster run for each batch and day.

    python benchmarks/contenders/jobs/polars_medallion.py TOPIC DOMAIN PARTITIONS

Runs in an environment of its own, where nothing of this project is; addresses and keys come from BENCH_* and AWS_*
variables. It runs until its standard input is closed. What it cannot do: bronze is not parted (the IO manager does not
append to a partition), and a batch that ends between bronze and silver is taken again into both.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl
from confluent_kafka import Consumer, TopicPartition
from dagster_delta import DeltaLakePolarsIOManager, MergeConfig, MergeType, S3Config, WriteMode

ROOT = "dagster-delta"
MOST_RECORDS = 250_000
WAIT_SECONDS = 0.1
GRAIN = ["TransactionNo", "ProductNo", "event_date"]
MONEY = pl.Decimal(28, 2)
SCHEMA = {"partition": pl.Int32, "offset": pl.Int64, "value": pl.Binary, "text": pl.String}
DAYS = dg.DailyPartitionsDefinition("2015-01-01", end_offset=2)
TAKEN: dict[str, pl.DataFrame] = {}
"""The batch that is on its way."""


def parted(layer: str, domain: str, **more: Any) -> dict[str, Any]:
    """Where a table lies below the root, and what it is parted by."""
    return {"schema": f"{layer}/{domain}", "partition_expr": "event_date", **more}


def typed(records: pl.DataFrame) -> pl.DataFrame:
    """Silver's rows of records: those that can be read, the first of each grain."""

    def value(name: str) -> pl.Expr:
        return pl.col("text").str.json_path_match(f"$.{name}").alias(name)

    moment = value("Date").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC", strict=False)
    names = [value(name) for name in ("TransactionNo", "ProductNo", "ProductName", "Country")]
    numbers = [
        value("Price").cast(pl.Decimal(18, 2), strict=False),
        value("Quantity").cast(pl.Int32, strict=False),
        value("CustomerNo").cast(pl.Int64, strict=False),
    ]
    read = records.select("partition", "offset", *names, *numbers, moment.alias("event_time"))
    dated = read.with_columns(
        event_date=pl.col("event_time").dt.date(), is_cancellation=pl.col("TransactionNo").str.starts_with("C")
    )
    good = dated.drop_nulls(["TransactionNo", "ProductNo", "Price", "Quantity", "event_time"])
    return good.sort("partition", "offset").unique(GRAIN, keep="first", maintain_order=True)


def money() -> list[pl.Expr]:
    """Revenue, and what it is made of."""
    price, cancelled = pl.col("Price").cast(MONEY), pl.col("is_cancellation")
    zero = pl.lit(0).cast(MONEY)
    return [
        price.sum().alias("revenue"),
        pl.when(~cancelled).then(price).otherwise(zero).sum().alias("sales"),
        pl.when(cancelled).then(price).otherwise(zero).sum().alias("cancelled"),
    ]


def receipts() -> pl.Expr:
    """Receipts that are no cancellations."""
    return pl.col("TransactionNo").filter(~pl.col("is_cancellation")).n_unique().cast(pl.Int64)


def tables(domain: str) -> list[Any]:
    """The assets above bronze."""

    @dg.asset(
        key=["silver", "transactions"],
        partitions_def=DAYS,
        metadata=parted("silver", domain, mode="merge"),
    )
    def silver(context: dg.AssetExecutionContext) -> pl.DataFrame:
        day = pl.lit(context.partition_key).str.to_date()
        return TAKEN["typed"].filter(pl.col("event_date") == day)

    above = dg.AssetIn(key=["silver", "transactions"], metadata=parted("silver", domain))

    def answer(name: str, by: list[str], *measures: pl.Expr) -> Any:
        @dg.asset(key=["gold", name], partitions_def=DAYS, metadata=parted("gold", domain), ins={"sold": above})
        def made(sold: pl.DataFrame) -> pl.DataFrame:
            return sold.drop_nulls(by).group_by(*by).agg(*measures)

        return made

    lines, units = pl.len().cast(pl.Int64).alias("lines"), pl.col("Quantity").cast(pl.Int64).sum().alias("units")
    customers = pl.col("CustomerNo").drop_nulls().n_unique().cast(pl.Int64).alias("customers")
    last = pl.col("event_time").filter(~pl.col("is_cancellation")).max().alias("last_purchase")
    sums = (*money(), lines, units, receipts().alias("transactions"))
    return [
        silver,
        answer("daily_revenue", ["event_date"], *sums, customers),
        answer("product_performance", ["event_date", "ProductNo"], *sums),
        answer("customer_days", ["event_date", "CustomerNo"], receipts().alias("orders"), money()[0], last, lines),
    ]


def bronze(domain: str) -> Any:
    """The records of a batch as they came."""

    @dg.asset(key=["bronze", "transactions"], metadata={"schema": f"bronze/{domain}", "mode": "append"})
    def landed() -> pl.DataFrame:
        return TAKEN["records"].drop("text")

    return landed


def manager() -> DeltaLakePolarsIOManager:
    """Writes to the store of the environment."""
    store = S3Config(
        access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        region=os.environ["AWS_REGION"],
        endpoint=os.environ["AWS_ENDPOINT_URL"],
    )
    same = " AND ".join(f"t.{name} = s.{name}" for name in GRAIN)
    merge = MergeConfig(merge_type=MergeType.deduplicate_insert, predicate=same, source_alias="s", target_alias="t")
    root = f"s3://{os.environ['BENCH_BUCKET']}/{ROOT}"
    return DeltaLakePolarsIOManager(
        root_uri=root,
        mode=WriteMode.overwrite,
        storage_options=store,
        merge_config=merge,
        client_options={"allow_http": True},
    )


def records(topic: str, partitions: int) -> Iterator[pl.DataFrame]:
    """Batch after batch, an empty one where nothing came."""
    options = {"bootstrap.servers": os.environ["BENCH_KAFKA"], "group.id": "polars", "enable.auto.commit": False}
    consumer = Consumer({**options, "isolation.level": "read_committed", "fetch.wait.max.ms": 10})
    consumer.assign([TopicPartition(topic, each, 0) for each in range(partitions)])
    while True:
        rows = [
            (each.partition(), each.offset(), each.value(), text_of(each.value()))
            for each in consumer.consume(MOST_RECORDS, timeout=WAIT_SECONDS)
            if each.error() is None
        ]
        yield pl.DataFrame(rows, schema=SCHEMA, orient="row")


def text_of(value: bytes | None) -> str | None:
    """None where it is no UTF-8, for which Polars would give up the whole column."""
    try:
        return value.decode() if value is not None else None
    except UnicodeDecodeError:
        return None


def main() -> None:
    """Takes batches until standard input is closed."""
    topic, domain, partitions = sys.argv[1:]
    reading = threading.Thread(target=sys.stdin.read, daemon=True)
    reading.start()
    resources, above = {"io_manager": manager()}, tables(domain)
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for batch in records(topic, int(partitions)):
            if not reading.is_alive():
                return
            if batch.is_empty():
                time.sleep(WAIT_SECONDS)
                continue
            TAKEN.update(records=batch, typed=typed(batch))
            dg.materialize([bronze(domain)], resources=resources, instance=instance)
            for day in sorted(TAKEN["typed"]["event_date"].unique()):
                dg.materialize(above, partition_key=str(day), resources=resources, instance=instance)


if __name__ == "__main__":
    main()
