"""Bronze from files dropped below an S3 prefix: one row per line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pyspark.sql.functions as F
from pyspark.sql import Column

from lakehouse_assets.engine import naming
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.versions import digest
from lakehouse_assets.engine.kinds.source import SourceTable
from lakehouse_assets.engine.sources.csv_format import Csv, names_fault
from lakehouse_assets.engine.sources.drop_reading import FAULT
from lakehouse_assets.engine.sources.drop_source import DropSource
from lakehouse_assets.errors import ContractError
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import AssetKey

DROP_TAG: Final = "lakehouse/drop"


def when_dropped() -> Column:
    """The time at which the store took the file."""
    return F.col("timestamp")


@dataclass(frozen=True, kw_only=True)
class DropTable(SourceTable):
    """Bronze from files dropped below an S3 prefix, one row per line."""

    event_time: Callable[[], Column] = when_dropped
    prefix: str
    """In the lakehouse's bucket, ends with a slash."""
    required: tuple[str, ...]
    """Columns that every file must have."""
    format: Csv = field(default_factory=Csv)
    """How the files are written."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if fault := naming.prefix_fault(self.prefix):
            raise ContractError(f"prefix {self.prefix!r} {fault}", where=self.key, do="Give one like landing/sales/")
        if fault := self._required_fault():
            raise ContractError(f"required columns: {fault}", where=self.key, do="Name columns that every file has")

    def _required_fault(self) -> str | None:
        if isinstance(self.required, str):
            return f"{self.required!r} is a text, not a tuple of names"
        if not self.required:
            return None
        missing = {*self.required} - {*(self.format.header or self.required)}
        return f"the declared header has no {sorted(missing)}" if missing else names_fault(self.required)

    @property
    def origin(self) -> str:
        """`drop <prefix>`."""
        return f"drop {self.prefix.strip('/')}"

    @property
    def origin_key(self) -> AssetKey:
        """The prefix, split at its slashes."""
        from dagster import AssetKey

        parts = self.prefix.strip("/").split("/")
        return AssetKey([name for part in parts for name in naming.words(part, "/")])

    @property
    def origin_name(self) -> str:
        """The prefix with underscores; see `naming.identifier`."""
        return naming.identifier(self.prefix.strip("/"), "/")

    @property
    def origin_kinds(self) -> frozenset[str]:
        """Files on S3."""
        return frozenset({"s3", "csv"})

    @property
    def run_tag(self) -> tuple[str, str]:
        """The prefix."""
        return DROP_TAG, self.prefix.strip("/")

    def order(self, position: Position) -> None:
        """File versions are named so that they sort by time, in whichever order they were taken."""
        return

    def reader(self, settings: Settings) -> DropSource:
        """The prefix."""
        return DropSource(settings, self)

    @property
    def promise(self) -> str:
        """What a file has to be."""
        return "The file is complete and well formed, and has every required column"

    @cached_property
    def code_version(self) -> str:
        """Changes when the form of the files does."""
        return digest("csv", *self.required, *self.format.said())

    @property
    def same_record(self) -> str:
        """A file that was set aside whole leaves the quarantine once the table holds a row of it."""
        return f"q.topic_id = h.topic_id AND (q.`offset` = h.`offset` OR q.reasons[0] LIKE '{FAULT}%')"
