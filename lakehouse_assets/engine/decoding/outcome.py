"""What every decoder adds to a record's columns, and how a reason speaks of what came."""

from __future__ import annotations

from collections.abc import Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column

from lakehouse_assets.engine.names import own
from lakehouse_assets.engine.printable import printable

UNREADABLE = "unreadable"
"""array<string>: what of the record could not be read, e.g. `lines[].price: not a decimal(18,2)`."""
UNREADABLE_AS = own("unreadable_as")
"""map<string,struct<column:string,text:string>>: of each of the `unreadable` that there is more to say of, what came
instead, and for which column."""
UNDECLARED = "undeclared"
"""map<string,string>: fields of the record that the table does not declare, as text, by their names in lower case; null
where there is none."""
FURTHER = own("further")
"""boolean: the record has more undeclared fields than are kept, or larger ones."""
ABSENT = "absent"
"""array<string>: fields that the table declares and the record lacks; a null is there."""
SHOWN_CHARACTERS = 60
_TEXTS = "array<string>"
_ENTRIES = "array<struct<reason:string,came:struct<column:string,text:string>>>"


def came(reason: str, into: str, text: Column) -> Column:
    """An entry of `unreadable_as`."""
    return F.struct(
        F.lit(reason).alias("reason"), F.struct(F.lit(into).alias("column"), text.alias("text")).alias("came")
    )


def shown(text: str) -> str:
    """SQL: the beginning of a text as people read it."""
    seen = printable(f"substring({text}, 1, {SHOWN_CHARACTERS + 1})")
    cut = f"concat(substring(seen, 1, {SHOWN_CHARACTERS}), '…')"
    return f"transform(array({seen}), seen -> CASE WHEN length(seen) > {SHOWN_CHARACTERS} THEN {cut} ELSE seen END)[0]"


def not_a(kind: str) -> str:
    """`not an int`."""
    return f"not {'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def nothing_undeclared() -> dict[str, Column]:
    """The columns of a format whose records cannot have a field too many or too few."""
    return {
        UNDECLARED: F.lit(None).cast("map<string,string>"),
        FURTHER: F.lit(False),
        ABSENT: F.array().cast(_TEXTS),
    }


def reasons(arrays: Sequence[Column]) -> Column:
    """array<string>: all of them, of which each may be null."""
    return _joined(arrays, _TEXTS)


def entries(arrays: Sequence[Column]) -> Column:
    """`unreadable_as` of arrays of `came`, of which each may be null."""
    return F.map_from_entries(_joined(arrays, _ENTRIES))


def _joined(arrays: Sequence[Column], kind: str) -> Column:
    return F.flatten(F.array_compact(F.array(F.array().cast(kind), *arrays)))


def whole() -> dict[str, Column]:
    """All columns of a record with which nothing can be wrong."""
    came = F.lit(None).cast("map<string,struct<column:string,text:string>>")
    return {UNREADABLE: F.array().cast(_TEXTS), UNREADABLE_AS: came, **nothing_undeclared()}


def told(
    fault: Column, came_of_fault: Column, reasons_of: Sequence[Column], came_of: Sequence[Column]
) -> dict[str, Column]:
    """`unreadable` and `unreadable_as` of a record with a fault (string, null where it has none) or with fields'.

    Args:
        fault: why the record cannot be read at all.
        came_of_fault: string, null where there is no more to say of it.
        reasons_of: array<string> of each field, null where nothing is wrong with it.
        came_of: array of `came` of each field, likewise.
    """
    whole_entry = F.struct(
        fault.alias("reason"), F.struct(F.lit("").alias("column"), came_of_fault.alias("text")).alias("came")
    )
    said = F.when(came_of_fault.isNotNull(), F.map_from_entries(F.array(whole_entry)))
    return {
        UNREADABLE: F.when(fault.isNotNull(), F.array(fault)).otherwise(reasons(reasons_of)),
        UNREADABLE_AS: F.when(fault.isNotNull(), said).otherwise(entries(came_of)),
    }
