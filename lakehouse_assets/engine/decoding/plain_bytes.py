"""Bytes as they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NoReturn

import pyspark.sql.functions as F
from pyspark.sql import DataFrame

from lakehouse_assets.engine import names
from lakehouse_assets.engine.decoding import outcome
from lakehouse_assets.engine.decoding.decoder import EventTime
from lakehouse_assets.errors import ContractError


@dataclass(frozen=True)
class Bytes:
    """Reads nothing: each value goes into a column as it is, null where the record has none.

    Raises:
        ContractError: the column would be one of the engine's.
    """

    column: str = "value"
    """binary."""

    def __post_init__(self) -> None:
        names.check([self.column], names.RECORDS_OWN, "Bytes", "Give the column another name")

    @property
    def columns_read(self) -> Collection[str]:
        """See `Decoder`."""
        return [self.column]

    @property
    def arrays(self) -> Collection[str]:
        """None."""
        return ()

    def decode(self, records: DataFrame, explode: str = "") -> DataFrame:
        """See `Decoder`."""
        return records.withColumns({self.column: F.col("value"), **outcome.whole()})

    def event_time(self, *path: str) -> EventTime:
        """See `Decoder`.

        Raises:
            ContractError: always; the record's own timestamp is there.
        """
        return self.time(*path)

    def time(self, *path: str) -> NoReturn:
        """See `Decoder`."""
        do = "Leave `event_time` out, and Kafka's own timestamp counts; or declare what is in the bytes"
        raise ContractError(f"bytes have no field {'.'.join(path)!r}", where="Bytes", do=do)
