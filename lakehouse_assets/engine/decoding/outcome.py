"""What every decoder adds to a record's columns, and how a reason speaks of what came."""

from __future__ import annotations

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
_NO_TEXTS = "array<string>"


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
        ABSENT: F.array().cast(_NO_TEXTS),
    }
