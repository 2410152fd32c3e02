"""The tuned Structured Streaming job: Kafka to gold by foreachBatch, batch after batch without a pause.

    python -m benchmarks.contenders.jobs.streaming_job --writer spark|arrow --heap 2g --cores 2 TOPIC=DOMAIN...

Runs until its standard input is closed. Its checkpoints are on the local disk, in the home of the settings.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from benchmarks.contenders.jobs.batches import Batches
from benchmarks.contenders.jobs.driver import driver, run
from benchmarks.contenders.jobs.tables import Tables
from benchmarks.contenders.jobs.writers import ArrowWriter, SparkWriter
from lakehouse_assets.access import kafka
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.settings import Settings, load

PREFIX = "streaming/"
POLL_SECONDS = 1


def main() -> None:
    """Starts the driver and one query for each feed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--writer", choices=("spark", "arrow"), default="spark")
    parser.add_argument("--heap", default="2g")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("feeds", nargs="+", metavar="TOPIC=DOMAIN")
    asked, settings = parser.parse_args(), load()
    with driver(settings, asked.heap, asked.cores) as spark:
        for feed in asked.feeds:
            topic, _, domain = feed.partition("=")
            start(spark, settings, topic, domain, asked.writer)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        until_closed(spark)


def start(spark: SparkSession, settings: Settings, topic: str, domain: str, writer: str) -> None:
    """One query of a topic."""
    made = Tables(Lake(settings), PREFIX, domain)
    made.create(spark)
    large = SparkWriter(made, domain)
    small = large if writer == "spark" else ArrowWriter(made, domain)
    taking = Batches(settings, made, topic, small, large)
    checkpoint = settings.home / "checkpoints" / domain
    stream = records(spark, settings, topic).writeStream.queryName(domain).option("checkpointLocation", str(checkpoint))
    stream.foreachBatch(lambda batch, number: take(taking, checkpoint, batch, number)).start()


def records(spark: SparkSession, settings: Settings, topic: str) -> DataFrame:
    """The topic as a stream, from its first record on; as many records a batch as ours takes."""
    options = {
        **kafka.spark(settings),
        "subscribe": topic,
        "startingOffsets": "earliest",
        "includeHeaders": "true",
        "failOnDataLoss": "true",
        "kafka.isolation.level": "read_committed",
        "kafka.fetch.max.wait.ms": "10",
        "maxOffsetsPerTrigger": str(settings.max_records_per_batch),
    }
    return spark.readStream.format("kafka").options(**options).load()


def take(taking: Batches, checkpoint: Path, batch: DataFrame, number: int) -> None:
    """One micro-batch; how large it is, is in the checkpoint already."""
    taking.take(batch, number, size(checkpoint, number))


def size(checkpoint: Path, number: int) -> int:
    """How many offsets a micro-batch has, as the checkpoint says before it runs; no job is needed for that."""
    ends, starts = _offsets(checkpoint, number), _offsets(checkpoint, number - 1)
    return sum(int(end) - int(starts.get(partition, 0)) for partition, end in ends.items())


def _offsets(checkpoint: Path, number: int) -> dict[str, Any]:
    file = checkpoint / "offsets" / str(number)
    if not file.exists():
        return {}
    [topic] = json.loads(file.read_text().splitlines()[-1]).values()
    return dict(topic)


def until_closed(spark: SparkSession) -> None:
    """Waits for the end of standard input; a query that fails ends all."""
    reading = threading.Thread(target=sys.stdin.read, daemon=True)
    reading.start()
    while reading.is_alive():
        if spark.streams.awaitAnyTermination(POLL_SECONDS):
            return


if __name__ == "__main__":
    run(main)
