"""CSV lines, one a record, without a header."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import DataType

from lakehouse_assets.engine import names
from lakehouse_assets.engine.decoding import csv_cells, documents, outcome, sql
from lakehouse_assets.engine.decoding import json_scalars as scalars
from lakehouse_assets.engine.decoding.decoder import EventTime, check_time
from lakehouse_assets.engine.names import column, own, quoted
from lakehouse_assets.errors import ContractError

_TEXT, _LINE = own("text"), own("line")


@dataclass(frozen=True)
class CsvLine:
    """Reads each value as the cells of one line, in the order of the fields.

    An empty cell is null; one in quotes is a text, where it is empty too. A quote within quotes is written twice. Each
    text is of its type exactly: no spaces around a number, no sign for thousands, `true` and `false`.

    >>> CsvLine({"No": T.StringType(), "Paid": T.DecimalType(18, 2)}, delimiter=";")

    Raises:
        ContractError: no such delimiter, no field, one whose column would be one of the engine's, or of a type that has
            no reader; named.
    """

    fields: Mapping[str, DataType] = field(hash=False)
    """Type by name, in the order of the cells."""
    delimiter: str = ","
    """One character."""
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Column by field, where it has another name."""

    def __post_init__(self) -> None:
        do = 'Give the field another column: columns={"offset": "till_offset"}'
        names.check([self._into(name) for name in self.fields], names.RECORDS_OWN, "CsvLine", do)
        if wrong := [name for name, dtype in self.fields.items() if not isinstance(dtype, scalars.READ)]:
            do = "Declare text, boolean, number, timestamp, date or Epoch"
            raise ContractError(f"cannot read the type of {', '.join(wrong)}", where="CsvLine", do=do)
        if len(self.delimiter) != 1 or self.delimiter.isalnum() or self.delimiter in '"\r\n\0-.' or not self.fields:
            do = "Declare at least one field, and one character that is in no number: , ; | or a tab"
            raise ContractError(
                f"no CSV line of {len(self.fields)} cells by {self.delimiter!r}", where="CsvLine", do=do
            )

    @property
    def columns_read(self) -> Collection[str]:
        """See `Decoder`."""
        return [self._into(name) for name in self.fields]

    @property
    def arrays(self) -> Collection[str]:
        """None."""
        return ()

    def decode(self, records: DataFrame, explode: str = "") -> DataFrame:
        """See `Decoder`."""
        text = F.when(F.is_valid_utf8(column(documents.BYTES)), column(documents.BYTES).cast("string"))
        line = csv_cells.line_of(quoted(_TEXT), self.delimiter, len(self.fields))
        read = documents.with_bytes(records).withColumn(_TEXT, text).withColumn(_LINE, F.expr(line))
        read = read.withColumns({own(f"cell {i}"): self._cell(i) for i in range(len(self.fields))})
        read = read.withColumns({own(f"value {i}"): self._value(i) for i in range(len(self.fields))})
        return self._told(read)

    def event_time(self, *path: str) -> EventTime:
        """See `Decoder`."""
        check_time(self.fields.get(path[0]) if len(path) == 1 else None, path, "CsvLine")
        return EventTime(self, path)

    def time(self, *path: str) -> Column:
        """See `Decoder`."""
        number = [*self.fields].index(path[0])
        line = csv_cells.line_of("text", self.delimiter, len(self.fields))
        cell = f"CASE WHEN line.fault IS NULL THEN line.cells[{number}] END"
        at = sql.let("line", line, sql.let("cell", cell, csv_cells.value("cell", self.fields[path[0]])))
        raw = documents.without_mark()
        text = F.when(F.is_valid_utf8(raw), raw.cast("string"))
        return sql.applied(text, "text", at).cast("timestamp")

    def _into(self, name: str) -> str:
        return self.columns.get(name, name)

    def _cell(self, number: int) -> Column:
        line = quoted(_LINE)
        return F.expr(f"CASE WHEN {line}.fault IS NULL THEN {line}.cells[{number}] END")

    def _value(self, number: int) -> Column:
        return F.expr(csv_cells.value(quoted(own(f"cell {number}")), [*self.fields.values()][number]))

    def _told(self, read: DataFrame) -> DataFrame:
        is_text = column(documents.BYTES).isNull() | F.is_valid_utf8(column(documents.BYTES))
        fault = F.when(~is_text, F.lit(documents.NOT_UTF8)).otherwise(F.expr(f"{quoted(_LINE)}.fault"))
        came = F.when(~is_text, documents.where_not_utf8()).otherwise(F.expr(f"{quoted(_LINE)}.came"))
        wrong = [self._wrong(i, name) for i, name in enumerate(self.fields)]
        told = outcome.told(fault, came, [reason for reason, _ in wrong], [entry for _, entry in wrong])
        typed = {self._into(name): column(own(f"value {i}")) for i, name in enumerate(self.fields)}
        helpers = [own(f"{kind} {i}") for kind in ("cell", "value") for i in range(len(self.fields))]
        found = read.withColumns(typed | told | outcome.nothing_undeclared())
        return found.drop(*[column(name) for name in (documents.BYTES, _TEXT, _LINE, *helpers)])

    def _wrong(self, number: int, name: str) -> tuple[Column, Column]:
        cell = own(f"cell {number}")
        is_wrong = column(cell).isNotNull() & column(own(f"value {number}")).isNull()
        reason = f"{name}: {outcome.not_a(self.fields[name].simpleString())}"
        entry = outcome.came(reason, self._into(name), F.expr(outcome.shown(quoted(cell))))
        return F.when(is_wrong, F.array(F.lit(reason))), F.when(is_wrong, F.array(entry))
