"""A lakehouse of its own for one measurement: Kafka and S3, the same for every contender; one contender at a time."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import sending
from benchmarks.harness.reading import GOLD, Reader
from benchmarks.harness.scale import Sizes
from lakehouse_assets.access import s3
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import Settings, load


@dataclass(frozen=True)
class Feed:
    """A topic and the domain of the tables that are made from it."""

    topic: str
    domain: str

    def key(self, layer: str, table: str = "transactions") -> str:
        """`gold/sales/daily_revenue`."""
        return f"{layer}/{self.domain}/{table}"


SALES = Feed("sales.transactions", "sales")


@dataclass(frozen=True)
class Site:
    """Where a contender works."""

    stack: Stack
    sizes: Sizes
    feeds: tuple[Feed, ...] = (SALES,)
    partitions: int = 1
    """Of each topic."""

    @property
    def settings(self) -> Settings:
        """With the addresses of the services."""
        return load(home=self.stack.settings.home, spark_heap=self.sizes.heap, spark_cores=self.sizes.cores)

    def uri(self, key: str, prefix: str = "") -> str:
        """Where a table of a contender lies."""
        return f"s3://{self.settings.bucket}/{prefix}{key}"

    def reader(self, key: str, prefix: str = "") -> Reader:
        """Reads a table of a contender."""
        return Reader(self.uri(key, prefix), s3.delta_rs(self.settings))

    def gold(self, prefix: str = "", feed: Feed | None = None) -> dict[str, Reader]:
        """The three tables of gold, by the oracle's names."""
        feed = feed or self.feeds[0]
        return {name: self.reader(feed.key("gold", table), prefix) for name, table in GOLD.items()}


@contextmanager
def opened(
    sizes: Sizes,
    feeds: Sequence[Feed] = (SALES,),
    *,
    partitions: int = 1,
    kept: Path | None = None,
    around: Mapping[str, str] | None = None,
    further: Sequence[str] = (),
) -> Iterator[Site]:
    """Kafka and S3 in a home of their own, with the feeds' topics, stopped at the end with all that was started in it.

    Args:
        sizes: heap and cores of a driver.
        feeds: whose topics are made.
        partitions: of each topic.
        kept: the home, if it is to stay; one that is there already has its topics.
        around: further variables of the environment, for every process.
        further: further topics.
    """
    home = kept or Path(tempfile.mkdtemp(prefix="lakehouse-bench-"))
    is_new = not (home / "kafka").exists()
    with _environment({"LAKEHOUSE_HOME": str(home), **(around or {})}):
        stack = Stack(load(home=home, spark_heap=sizes.heap, spark_cores=sizes.cores))
        try:
            stack.up("kafka", "s3")
            site = Site(stack, sizes, tuple(feeds), partitions)
            if is_new:
                sending.create(site.settings, [*(each.topic for each in feeds), *further], partitions)
            yield site
        finally:
            stack.down()
            if kept is None:
                shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
