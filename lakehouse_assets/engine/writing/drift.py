"""Drift: what a table does when its source's fields, or its own columns, are no longer those it was made with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import (
    ByteType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StructField,
    StructType,
)

from lakehouse_assets.engine.contracts import without_nulls
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.names import quoted
from lakehouse_assets.engine.payload import ABSENT, FURTHER, UNDECLARED
from lakehouse_assets.engine.printable import is_odd, printable, shell_word
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.audits import FURTHER_FIELDS, NOT_DECLARED
from lakehouse_assets.errors import ContractError

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.event import EventTable

IS_ABSENT, NOT_IN_MODEL = ": absent", ": no longer in the model"
JOINED = "Not declared: joined as it came"
"""Comment of a column that the source brought, and of one that somebody let go."""
LET_GO = "No longer in the model: null since then"
MOST_NAMED = 5
"""Undeclared fields of one record that are named."""
_MOST_CHARACTERS = 60
_NAMES = (
    f"transform(slice(map_keys({UNDECLARED}), 1, {MOST_NAMED}), name -> CASE"
    " WHEN name = '' THEN '(a field without a name)'"
    f" WHEN {is_odd('name')} THEN {printable('substring(to_json(array(name)), 3, length(to_json(array(name))) - 4)')}"
    " ELSE name END)"
)
_WHOLE = (ByteType, ShortType, IntegerType, LongType)


def is_drift(rule: str) -> bool:
    """Whether a broken rule speaks of a field that came or went."""
    return rule.endswith((NOT_DECLARED, IS_ABSENT))


def can_be_accepted(rule: str) -> bool:
    """Whether it speaks of a field or a column that came or went."""
    return is_drift(rule) or rule.endswith(NOT_IN_MODEL)


def is_fatal(table: Table, rule: str) -> bool:
    """Whether a field that came or went stops the run."""
    return table.is_frozen and is_drift(rule)


def reasons(table: EventTable, columns: Collection[str]) -> Column:
    """array<string>: fields for which the record is set aside."""
    found = []
    if ABSENT in columns and table.drift != "freeze":
        found.append(_named(F.col(ABSENT), IS_ABSENT))
    if UNDECLARED in columns and table.drift == "quarantine":
        found.append(_not_declared(columns))
    return _all(found)


def remarks(table: EventTable, columns: Collection[str]) -> Column:
    """array<string>: fields that stop the run, or that join the table."""
    found = []
    if ABSENT in columns and table.drift == "freeze":
        found.append(_named(F.col(ABSENT), IS_ABSENT))
    if UNDECLARED in columns and table.drift != "quarantine":
        found.append(_not_declared(columns))
    return _all(found)


def _not_declared(columns: Collection[str]) -> Column:
    """The first few by name, cut and with control characters escaped; the others together."""
    more = F.size(F.map_keys(UNDECLARED)) > MOST_NAMED
    more = (more | F.col(quoted(FURTHER))) if FURTHER in columns else more
    names = F.transform(F.expr(_NAMES), lambda name: F.substring(name, 1, _MOST_CHARACTERS))
    named = F.when(F.size(F.map_keys(UNDECLARED)) > 0, _named(names, NOT_DECLARED)).otherwise(without_nulls([]))
    return F.when(more, F.array_append(named, f"{FURTHER_FIELDS}{NOT_DECLARED}")).otherwise(named)


def _named(names: Column, suffix: str) -> Column:
    return F.transform(names, lambda name: F.concat(name, F.lit(suffix)))


def _all(found: list[Column]) -> Column:
    return F.concat(*found) if found else without_nulls([])


@dataclass(frozen=True)
class Columns:
    """What a table has beyond its model: fields that joined it as text before, and columns that it has let go."""

    joined: tuple[str, ...] = ()
    let_go: StructType = field(default_factory=StructType)


AS_DECLARED = Columns()


def columns_of(lake: Lake, table: EventTable, accepted: Collection[str] = ()) -> Columns:
    """The columns beyond the model that rows of the table need."""
    held = lake.schema(table.key) or StructType()
    declared = {name.lower() for name in table.contract.fields.names}
    joined = sorted(each.name for each in held if each.metadata.get("comment") == JOINED)
    let_go = StructType([each for each in held if _is_let_go(each, accepted)])
    return Columns(tuple(name for name in joined if name.lower() not in declared), let_go)


def with_columns(rows: DataFrame, columns: Columns) -> DataFrame:
    """`rows` with `undeclared`, a column for each field that joined before, and nulls for those that it let go."""
    known = rows.columns
    if UNDECLARED not in known:
        rows = rows.withColumn(UNDECLARED, F.lit(None).cast("map<string,string>"))
    values = {name: F.col(UNDECLARED)[name.lower()] for name in columns.joined if name not in known}
    nulls = {each.name: F.lit(None).cast(each.dataType) for each in columns.let_go if each.name not in known}
    found = rows.withColumns(values | nulls) if values or nulls else rows
    for name in values:
        found = found.withMetadata(name, {"comment": JOINED})
    return found


@dataclass(frozen=True)
class Change:
    """What a table's columns need before rows are written to it."""

    added: StructType = field(default_factory=StructType)
    widened: Mapping[str, DataType] = field(default_factory=dict)
    let_go: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(len(self.added) or self.widened or self.let_go)

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""
        return (*self.added.names, *self.widened, *self.let_go)


def change(lake: Lake, table: Table, wanted: StructType, accepted: Collection[str] = ()) -> Change:
    """What brings a table's columns to those wanted.

    Raises:
        ContractError: a type cannot be widened, or a column of the table is wanted no longer; named.
    """
    held = lake.schema(table.key)
    if held is None:
        return Change()
    known = {each.name: each for each in held}
    if lost := [each.name for each in held if each.name not in wanted.names and not _is_let_go(each, accepted)]:
        raise _lost(table, lost)
    let_go = [name for name in known if f"{name}{NOT_IN_MODEL}" in accepted]
    widened = dict(_widened(table, known, wanted))
    return Change(StructType([each for each in wanted if each.name not in known]), widened, tuple(let_go))


def _is_let_go(column: StructField, accepted: Collection[str]) -> bool:
    return column.metadata.get("comment") == LET_GO or f"{column.name}{NOT_IN_MODEL}" in accepted


def _lost(table: Table, names: list[str]) -> ContractError:
    word = " --rule ".join(shell_word(f"{name}{NOT_IN_MODEL}") for name in names)
    return ContractError(
        f"its column {', '.join(names)} is not in the model any longer: it would be null from now on",
        where=table.key,
        do=f"Put it back; or run `lakehouse accept {table.key} --rule {word}`",
    )


def _widened(table: Table, known: Mapping[str, StructField], wanted: StructType) -> Iterator[tuple[str, DataType]]:
    for each in wanted:
        held = known[each.name].dataType if each.name in known else each.dataType
        if held.simpleString() == each.dataType.simpleString():
            continue
        if not can_widen(held, each.dataType):
            raise ContractError(
                f"its column {each.name} is {held.simpleString()}, the model says {each.dataType.simpleString()}",
                where=table.key,
                do="Declare it under another name, or with the type that it has or a wider one",
            )
        yield each.name, each.dataType


def can_widen(held: DataType, wanted: DataType) -> bool:
    """Whether each value of one type is a value of the other."""
    if isinstance(held, _WHOLE) and isinstance(wanted, _WHOLE):
        return _WHOLE.index(type(held)) < _WHOLE.index(type(wanted))
    if isinstance(held, DecimalType) and isinstance(wanted, DecimalType):
        return wanted.scale >= held.scale and wanted.precision - wanted.scale >= held.precision - held.scale
    return isinstance(held, FloatType | ByteType | ShortType | IntegerType) and isinstance(wanted, DoubleType)
