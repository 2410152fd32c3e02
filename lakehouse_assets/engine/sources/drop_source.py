"""Files dropped into an S3 prefix as a source: each file version is one slice, its rows' offsets are bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.sources import drop_planning, landing
from lakehouse_assets.engine.sources.csv_rows import Row
from lakehouse_assets.engine.sources.csv_text import MOST_GZIP_RATIO
from lakehouse_assets.engine.sources.drop_planning import Dropped, Listing
from lakehouse_assets.engine.sources.drop_reading import SHOWN_BYTES, File, Reader, version_of
from lakehouse_assets.engine.sources.planning import Acceptance, Waits
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets.engine.writing.audits import REASONS
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.drop import DropTable

_BYTES_A_ROW = 16
_READ = StructType([*RECORD.fields, StructField(REASONS, ArrayType(StringType()))])


@dataclass(frozen=True)
class DropSource:
    """The verbs of `source.Source` over one prefix. A file that leaves after it was taken is no loss."""

    settings: Settings
    table: DropTable
    unit: str = "files"
    glance_seconds: float = 2.0

    def glance(self) -> str:
        """Digest of the files that have settled."""
        listing = landing.listing(self.settings, self.table.prefix)
        ready = sorted(each.id for each in drop_planning.settled(listing, self.settings.drop_settle_seconds))
        return hashlib.sha256("\n".join(ready).encode()).hexdigest()

    def plan(self, ledger: Ledger) -> tuple[Slice, ...]:
        """Whole new files that have settled, oldest first."""
        settle, most = self.settings.drop_settle_seconds, self.settings.max_bytes_per_batch
        return drop_planning.plan(self._listing(), ledger.position, settle, most, self.settings.max_files_per_batch)

    def cap(self, slices: Sequence[Slice]) -> tuple[Slice, ...]:
        """Whole files, up to `max_bytes_per_batch` and `max_files_per_batch`."""
        most = self.settings.max_files_per_batch
        return drop_planning.whole_files(slices, self.settings.max_bytes_per_batch, most)

    def records(self, slices: Sequence[Slice]) -> int:
        """By their size in bytes."""
        return sum(map(len, slices)) // _BYTES_A_ROW

    def read(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame:
        """One record for each row of a good file, one for the whole of a bad one; reads the files now."""
        schema = to_arrow_schema(_READ, timezone="UTC")
        files = Reader(self.settings, self.table).files(slices)
        tables = [_records(part, file, schema) for part, file in files.items()]
        return spark.createDataFrame(pa.concat_tables(tables or [schema.empty_table()]), _READ)

    def read_few(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame | None:
        """As ever."""
        return self.read(spark, slices)

    def read_singly(self, spark: SparkSession, slices: Sequence[Slice]) -> tuple[DataFrame, tuple[Slice, ...]]:
        """As ever: files are read by this process."""
        return self.read(spark, slices), tuple(slices)

    def beginnings(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame:
        """The beginning of each file, as one record."""
        schema = to_arrow_schema(_READ, timezone="UTC")
        tables = [_records(part, self._beginning(part), schema) for part in slices]
        return spark.createDataFrame(pa.concat_tables(tables), _READ)

    def halve(self, slices: Sequence[Slice]) -> tuple[Sequence[Slice], Sequence[Slice]] | None:
        """By whole files."""
        middle = len(slices) // 2
        return (slices[:middle], slices[middle:]) if middle else None

    def faults(self) -> Column:
        """Why a file cannot be trusted."""
        return F.col(REASONS)

    def check(self, slices: Sequence[Slice]) -> None:
        """Nothing: what was read was the content that was planned, by its etag."""

    def marked(self, position: Position) -> Position:
        """As it is: a file version's name says what it is."""
        return position

    def held(self, position: Position, days: Collection[Partition]) -> tuple[Slice, ...]:
        """The files dropped on these days that still have the content that was taken."""
        return drop_planning.still_held(self._listing(), position, days)

    def lags(self, positions: Sequence[Position]) -> list[int]:
        """File versions that bronze has not taken yet, and those that a later table is behind bronze."""
        bronze = positions[0]
        pending = len(drop_planning.pending(self._listing(), bronze))
        return [pending + len(bronze.since(position)) for position in positions]

    def taken(self, position: Position) -> int:
        """File versions."""
        return len(position)

    def waits(self) -> Waits | None:
        """Nothing: each file can be read."""
        return None

    def acceptance(self, ledger: Ledger) -> Acceptance:
        """Goes on from the position its rows stand for: what was taken after it and is still there is taken again."""
        return Acceptance(topic_id="", resume={})

    def _listing(self) -> Listing:
        listing = landing.listing(self.settings, self.table.prefix)
        if self.table.format.compression == "none":
            return listing
        return replace(listing, files=tuple(map(self._unpacked, listing.files)))

    def _beginning(self, part: Slice) -> File:
        start = landing.content(self.settings, self.table.prefix, version_of(part), SHOWN_BYTES)
        return File((Row(part.start, start),))

    def _unpacked(self, file: Dropped) -> Dropped:
        if not self.table.format.is_compressed(file.version.name):
            return file
        return replace(file, size=min(file.size * MOST_GZIP_RATIO, self.settings.max_bytes_per_file))


def _records(part: Slice, file: File, schema: pa.Schema) -> pa.Table:
    version, count = version_of(part), len(file.rows)
    columns = {
        "topic_id": [part.topic_id] * count,
        "partition": [part.partition] * count,
        "offset": [row.offset for row in file.rows],
        "timestamp": [version.modified] * count,
        "key": [version.name.encode()] * count,
        "value": [row.value for row in file.rows],
        "headers": [None] * count,
        REASONS: [[*file.faults]] * count,
    }
    return pa.table(columns, schema)
