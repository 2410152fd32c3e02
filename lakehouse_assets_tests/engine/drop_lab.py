"""A prefix and two tables of its own for one test, over the session's real S3 and Spark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from lakehouse_assets.bronze import sales_products as bronze
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.kinds import DropTable, EventTable, Table
from lakehouse_assets.engine.sources import landing
from lakehouse_assets.engine.writing.engine import standing_ledger
from lakehouse_assets.silver import sales_products as silver
from lakehouse_assets_tests.engine.lab import Lab

HEADER = "ProductNo,ProductName,Department,Brand\n"
PAUSE_SECONDS = 1.1
"""The store states times in seconds."""


def product(number: int, name: str = "Milk", department: str = "DAIRY", brand: str = "National") -> str:
    """One line of a product list."""
    return f"{number},{name},{department},{brand}\n"


def by_day(key: str, source: DropTable) -> EventTable:
    """The project's products as a table of events: one row for each day of a drop."""
    fixed = {"owner": silver.table.owner, "schema": silver.Product, "transform": silver.transform, "keep": "last"}
    return EventTable(key=key, description="Products by day.", source=source, grain=("ProductNo",), **fixed)


@dataclass
class DropLab(Lab):
    """Verbs for one prefix and its tables; files do not have to settle."""

    prefix: str = field(default_factory=lambda: f"landing/lab_{uuid4().hex[:8]}/")

    def __post_init__(self) -> None:
        self.watch()
        self.settings = self.settings.model_copy(update={"drop_settle_seconds": 0.0})
        domain = self.prefix.split("/")[1] + self.suffix
        self.bronze = replace(bronze.table, key=f"bronze/{domain}/products", prefix=self.prefix)
        self.silver = by_day(f"silver/{domain}/products", self.bronze)

    @property
    def tables(self) -> tuple[Table, ...]:
        return self.bronze, self.silver

    def drop(self, name: str, *lines: str, header: str = HEADER) -> DropLab:
        return self.put(name, (header + "".join(lines)).encode())

    def put(self, name: str, body: bytes) -> DropLab:
        landing.put(self.settings, self.prefix, name, body)
        return self

    def remove(self, name: str) -> None:
        landing.client(self.settings).delete_object(Bucket=self.settings.bucket, Key=self.prefix + name)

    def plan(self) -> tuple[Slice, ...]:
        ledger = standing_ledger(self.lake, self.bronze)
        return self.bronze.reader(self.settings).plan(ledger)

    def ingest(self) -> DropLab:
        self.land()
        self.refine()
        return self

    def lags(self) -> Sequence[int]:
        return self.bronze.reader(self.settings).lags([self.position(table) for table in self.tables])

    def products(self) -> dict[str, str]:
        """Names by product number, as another reader finds them."""
        return {row["ProductNo"]: row["ProductName"] for row in self.rows(self.silver.key)}
