"""A declared field of a JSON object: the columns that reading it takes, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import ArrayType, DataType

from lakehouse_assets.engine.decoding import json_nested, lines, sql, undeclared
from lakehouse_assets.engine.decoding import json_scalars as scalars
from lakehouse_assets.engine.decoding.outcome import came, not_a, shown
from lakehouse_assets.engine.names import column, own, quoted
from lakehouse_assets.engine.printable import printable

SOURCES = own("sources")
"""map<string,string>: the text of each field of the record, as Spark writes it."""
TWICE = own("twice")
"""array<string>: declared fields that the record has more than once; null where there is none."""
_FIRST = "filter(wrong, each -> each.reason = reason)[0]"
_SAID = (
    f"transform(array({_FIRST}), first -> CASE WHEN first.came IS NULL THEN concat('at ', {printable('first.at')})"
    f" ELSE concat_ws(' at ', {shown('first.came')}, {printable('first.at')}) END)[0]"
)


@dataclass(frozen=True)
class Field:
    """One field."""

    number: int
    name: str
    dtype: DataType
    into: str
    """The column it is read into."""

    @property
    def is_nested(self) -> bool:
        """Whether it is an object or an array."""
        return isinstance(self.dtype, json_nested.NESTED)

    @property
    def raw(self) -> str:
        """Column of the variant; null where the record has no such field."""
        return own(f"raw {self.number}")

    @property
    def readable(self) -> str:
        """Column that says whether it could be read."""
        return own(f"readable {self.number}")

    @property
    def _kind(self) -> str:
        return own(f"kind {self.number}")

    @property
    def _value(self) -> str:
        return own(f"value {self.number}")

    @property
    def helpers(self) -> tuple[str, ...]:
        """The columns that nobody needs in the end."""
        return (self.raw, self._value, self.readable, *(() if self.is_nested else (self._kind,)))

    def read(self) -> Mapping[str, Column]:
        """Columns from `raw`."""
        raw = quoted(self.raw)
        if self.is_nested:
            source = f"{SOURCES}[{sql.text(self.name)}]"
            return {self._value: F.expr(json_nested.read(raw, source, self.dtype, self.name))}
        return {
            self._kind: F.expr(f"schema_of_variant({raw})"),
            self._value: F.expr(scalars.value(raw, self.dtype)),
        }

    def exploded(self, rows: DataFrame) -> DataFrame:
        """As they are: a record is a row."""
        return rows

    def is_readable(self) -> Column:
        """From the columns that were read."""
        raw, kind, value = quoted(self.raw), quoted(self._kind), quoted(self._value)
        if self.is_nested:
            return F.expr(f"size({value}.wrong) = 0") & ~self._is_twice
        return F.expr(scalars.is_readable(raw, kind, value, self.dtype)) & ~self._is_twice

    def typed(self) -> Column:
        """The value; null where it could not be read."""
        value = quoted(self._value)
        made = f"{value}.value" if self.is_nested else scalars.typed(value, self.dtype)
        return F.when(column(self.readable), F.expr(made))

    def more(self) -> str:
        """SQL: array<struct<name,text>>: the undeclared fields within it."""
        return f"{quoted(self._value)}.more"

    def reasons(self) -> Column:
        """array<string>: what is wrong with it; null where nothing is."""
        if self.is_nested:
            within = F.expr(f"array_distinct({quoted(self._value)}.wrong.reason)")
        else:
            within = F.array(F.lit(self._reason))
        twice = F.when(self._is_twice, F.array(F.lit(f"{self.name}: {json_nested.TWICE}")))
        return twice.when(~column(self.readable), within)

    def entries(self) -> Column:
        """array<struct<reason,came>>: of what is wrong, what came instead; null where nothing is."""
        entries = self._nested_entries() if self.is_nested else F.array(self._entry())
        return F.when(~column(self.readable) & ~self._is_twice, entries)

    @property
    def _reason(self) -> str:
        return f"{self.name}: {not_a(self.dtype.simpleString())}"

    def _entry(self) -> Column:
        return came(self._reason, self.into, F.expr(shown(f"to_json({quoted(self.raw)})")))

    def _nested_entries(self) -> Column:
        into = sql.text(self.into)
        entry = f"struct(reason, struct({into} AS column, {_SAID} AS text) AS came)"
        each = f"transform(array_distinct(wrong.reason), reason -> {entry})"
        wrong = f"{quoted(self._value)}.wrong"
        return F.expr(f"filter(transform(array({wrong}), wrong -> {each})[0], each -> each.came.text IS NOT NULL)")

    @property
    def _is_twice(self) -> Column:
        return F.coalesce(F.array_contains(column(TWICE), F.lit(self.name)), F.lit(False))


@dataclass(frozen=True)
class Lines(Field):
    """An array of which each element is a row: once it was read and `exploded`, a field that holds the element."""

    def read(self) -> Mapping[str, Column]:
        """Columns from `raw`."""
        assert isinstance(self.dtype, ArrayType)
        source = f"{SOURCES}[{sql.text(self.name)}]"
        return {self._value: F.expr(json_nested.read_lines(quoted(self.raw), source, self.dtype, self.name))}

    def exploded(self, rows: DataFrame) -> DataFrame:
        """A row of each element, with its `line`, and with what is wrong with the array or with the element."""
        value, part = quoted(self._value), quoted(lines.ELEMENT)
        wrong = f"concat({value}.wrong, coalesce({part}.wrong, {json_nested.NO_FAULT}))"
        more = f"coalesce({part}.more, {undeclared.NONE})"
        made = F.expr(f"struct({part}.value AS value, {wrong} AS wrong, {more} AS more)")
        found = lines.numbered(rows, F.expr(f"{value}.parts"))
        return found.withColumn(self._value, made).drop(column(lines.ELEMENT))
