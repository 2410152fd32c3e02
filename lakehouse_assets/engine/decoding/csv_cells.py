"""One CSV line as cells, and a cell as a value of its type; all in SQL.

What stands in quotes is written as hexadecimal digits first: then each delimiter and each line end left is one.
"""

from __future__ import annotations

from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegralType,
    TimestampType,
)

from lakehouse_assets.engine.decoding import sql
from lakehouse_assets.engine.decoding.epoch import Epoch
from lakehouse_assets.engine.decoding.times import date_of, timestamp_of

NOT_A_LINE = "value: not a CSV line"
QUOTES = "value: a quote out of its place"
LINES = "value: more than one CSV line"
_QUOTE = r"'\\x22'"
_MARKED = "transform(pieces, (piece, i) -> CASE WHEN i % 2 = 1 THEN hex(piece) ELSE piece END)"
_LINE_END = sql.text(r"\r?\n\z|\r\z")
_LINE_ENDS = sql.text(r"[\r\n]")
_REAL = r"^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\z"
_LARGE_DOUBLE = 1.7976931348623157e308


def line_of(text: str, delimiter: str, cells: int) -> str:
    """struct<cells: array<string>, fault: string, came: string>: an empty cell is null, one with quotes alone is ''.

    Args:
        text: the line, with a line end or none; null gives a fault.
        delimiter: one character.
        cells: how many there have to be.
    """
    pieces = f"split(regexp_replace({text}, {_LINE_END}, ''), {_QUOTE})"
    line = f"struct(size(pieces) % 2 = 1 AS closed, array_join({_MARKED}, '\\\"') AS text)"
    marked = sql.let("pieces", pieces, line)
    parted = f"split(line.text, '\\\\x{{{ord(delimiter):X}}}')"
    return sql.let("line", marked, sql.let("cells", f"transform({parted}, cell -> {_cell()})", _judged(cells)))


def _cell() -> str:
    """struct<text: string, sound: boolean>."""
    quoted = "transform(filter(parts, (part, i) -> i % 2 = 1), part -> decode(unhex(part), 'UTF-8'))"
    sound = "forall(filter(parts, (part, i) -> i % 2 = 0), part -> part = '')"
    within = f"struct(array_join({quoted}, '\\\"') AS text, {sound} AS sound)"
    plain = "struct(nullif(cell, '') AS text, true AS sound)"
    return (
        f"CASE WHEN instr(cell, '\\\"') = 0 THEN {plain} ELSE {sql.let('parts', f'split(cell, {_QUOTE})', within)} END"
    )


def _judged(cells: int) -> str:
    number = sql.text(number_fault(cells))
    fault = (
        f"CASE WHEN line.text IS NULL THEN {sql.text(NOT_A_LINE)}"
        f" WHEN NOT line.closed OR exists(cells, cell -> NOT cell.sound) THEN {sql.text(QUOTES)}"
        f" WHEN line.text RLIKE {_LINE_ENDS} THEN {sql.text(LINES)} WHEN size(cells) <> {cells} THEN {number} END"
    )
    came = f"CASE WHEN fault = {number} THEN concat(size(cells), '') END"
    return sql.let("fault", fault, f"struct(cells.text AS cells, fault, {came} AS came)")


def number_fault(cells: int) -> str:
    """The reason where a line has more cells or fewer."""
    return f"value: not {cells} cell{'s' * (cells != 1)}"


def value(cell: str, dtype: DataType) -> str:
    """The value of a text in its type exactly; null for any other."""
    if isinstance(dtype, TimestampType):
        return timestamp_of(cell)
    if isinstance(dtype, DateType):
        return date_of(cell)
    if isinstance(dtype, Epoch):
        number = _matching(cell, _decimal(dtype.number.scale), f"try_cast({cell} AS {dtype.number.simpleString()})")
        return sql.let("number", number, f"CASE WHEN {dtype.is_time('number')} THEN {dtype.at('number')} END")
    return _plain(cell, dtype)


def _plain(cell: str, dtype: DataType) -> str:
    cast = f"try_cast({cell} AS {dtype.simpleString()})"
    if isinstance(dtype, BooleanType):
        return f"CASE lower({cell}) WHEN 'true' THEN true WHEN 'false' THEN false END"
    if isinstance(dtype, IntegralType):
        return _matching(cell, r"^-?\d+\z", cast)
    if isinstance(dtype, DecimalType):
        return _matching(cell, _decimal(dtype.scale), cast)
    if isinstance(dtype, DoubleType | FloatType):
        return sql.let("real", _matching(cell, _REAL, cast), f"CASE WHEN abs(real) <= {_LARGE_DOUBLE!r}D THEN real END")
    return cell


def _matching(cell: str, pattern: str, value: str) -> str:
    return f"CASE WHEN {cell} RLIKE {sql.text(pattern)} THEN {value} END"


def _decimal(places: int) -> str:
    """With no more places, but for zeros at the end."""
    return rf"^-?\d+(?:\.(?=\d)\d{{0,{places}}}0*)?\z"
