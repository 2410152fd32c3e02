"""Verdicts: which rows of a table are good, which are set aside, and which let nothing pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, Window

from lakehouse_assets.engine.contracts import MASK
from lakehouse_assets.engine.names import column, own
from lakehouse_assets.engine.payload import UNDECLARED, UNREADABLE, UNREADABLE_AS
from lakehouse_assets.engine.printable import shell_word
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import drift
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS, Audit, Sampling, no_remarks
from lakehouse_assets.engine.writing.deduplication import Precedence, deduplicate, with_content_hash
from lakehouse_assets.engine.writing.drift import AS_DECLARED, Columns
from lakehouse_assets.engine.writing.publication import RefusedError
from lakehouse_assets.errors import ContractError

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.answer import AnswerTable
    from lakehouse_assets.engine.kinds.event import EventTable

REFUSED = "nothing of it was published"
_SHOWN_DAYS = 5
_SHOWN_RULES = 20
_NO_FIELD = ""
"""Stands for the record as a whole, of which a place is told and no value."""
_UNREADABLE, _BROKEN, _REMARKS, _DRIFT = own("unreadable"), own("broken"), own("remarks"), own("drift")


def typed_rows(table: EventTable, frames: Sequence[DataFrame], accepted: Collection[str] = ()) -> DataFrame:
    """The table's columns, the coordinate, partition, `reasons`, `remarks`, and what came instead of what those name.

    `reasons` are the fields that cannot be read or are not there, or else the broken rules that set the row aside:
    those of severity `quarantine`, and of the `fail` rules those whose breach was `accepted`. `remarks` are the other
    broken rules.

    Raises:
        ContractError: the transform leaves out a column of the contract.
    """
    rows = table.function(*frames)
    columns, wanted = _columns(table, rows), [*table.contract.fields.names, *table.grid.columns, *table.coordinate]
    if missing := [name for name in wanted if name not in columns]:
        raise ContractError(
            f"the transform yields no column {', '.join(missing)}",
            where=table.key,
            do=f"Add it to the transform's select; it yields {', '.join(columns)}",
        )
    kept = [*wanted, *([UNDECLARED] if UNDECLARED in columns else [])]
    came = (
        column(UNREADABLE_AS)
        if UNREADABLE_AS in columns
        else F.lit(None).cast("map<string,struct<column:string,text:string>>")
    )
    contract = table.contract.accepting(accepted)
    found = {
        _UNREADABLE: F.col(UNREADABLE) if UNREADABLE in columns else no_remarks(),
        _BROKEN: contract.broken("quarantine"),
        _REMARKS: F.concat(contract.broken("fail", "warn"), drift.remarks(table, columns)),
        _DRIFT: drift.reasons(table, columns),
        UNREADABLE_AS: came,
    }
    judged = rows.select(*kept, *[made.alias(name) for name, made in found.items()])
    readable, as_sent = F.size(column(_UNREADABLE)) == 0, F.concat(column(_UNREADABLE), column(_DRIFT))
    reasons = F.when(F.size(as_sent) > 0, as_sent).otherwise(column(_BROKEN))
    remarks = F.when(readable, column(_REMARKS)).otherwise(no_remarks())
    return judged.select(*kept, column(UNREADABLE_AS), reasons.alias(REASONS), remarks.alias(REMARKS))


_COLUMNS = WeakKeyDictionary["EventTable", list[str]]()
"""By table, where they follow from its code and its sources alone."""


def _columns(table: EventTable, rows: DataFrame) -> list[str]:
    if table.references:
        return rows.columns
    if table not in _COLUMNS:
        _COLUMNS[table] = rows.columns
    return _COLUMNS[table]


def winners(table: EventTable, typed: DataFrame, precedence: Precedence, columns: Columns = AS_DECLARED) -> DataFrame:
    """The good rows, one per grain, with the undeclared fields that are columns of the table."""
    good = typed.where(F.size(REASONS) == 0).drop(REASONS, REMARKS, UNREADABLE_AS)
    hashed = with_content_hash(drift.with_columns(good, columns), table.contract.fields.names)
    return deduplicate(hashed, table.full_grain, precedence)


def set_aside(table: EventTable, typed: DataFrame) -> DataFrame:
    """The bad rows: coordinate, partition, reasons, contract_version, `fields` and `set_aside_at`.

    A reason goes on with what came instead, where that can be said. `fields` (map<string,string>) are those that could
    be read. Personal values are masked. The raw record stays in bronze.
    """
    version = F.lit(table.contract.version).alias("contract_version")
    seen = (table.contract.shown().alias("fields"), F.current_timestamp().alias("set_aside_at"))
    bad = typed.where(F.size(REASONS) > 0)
    return bad.select(*table.coordinate, *table.grid.columns, _told(table).alias(REASONS), version, *seen)


def _told(table: EventTable) -> Column:
    """The reasons, each with what came instead of what it names.

    Of a table with personal columns only what was read into another column of the model: where a transform renames a
    column, nobody knows what it holds.
    """
    personal = {name.lower() for name in table.contract.personal}
    harmless = sorted({_NO_FIELD, *(name.lower() for name in table.contract.fields.names)} - personal)

    def told(reason: Column) -> Column:
        came = column(UNREADABLE_AS)[reason]
        hidden = ~F.lower(came["column"]).isin(harmless) if personal else F.lit(False)
        shown = F.when(hidden, F.lit(MASK)).otherwise(came["text"])
        return F.when(came.isNotNull(), F.concat(reason, F.lit(": "), shown)).otherwise(reason)

    return F.transform(REASONS, told)


def judged(table: AnswerTable, sources: Sequence[DataFrame]) -> DataFrame:
    """The table's answers from rows of its sources; none is set aside, `remarks` has the broken rules and the grain."""
    rows = table.function(*sources).select(*table.contract.fields.names, table.contract.broken().alias(REMARKS))
    rows_of_grain = F.count("*").over(Window.partitionBy(*table.full_grain))
    repeated = F.array_remove(F.array(F.when(rows_of_grain > 1, table.grain_rule).otherwise("")), "")
    return rows.withColumns({REMARKS: F.concat(REMARKS, repeated), REASONS: F.array().cast("array<string>")})


def sampling(table: Table) -> Sampling:
    """What is kept of a row that breaks a rule: what names it, and its fields as people may see them."""
    assert table.contract is not None
    return Sampling(table.told(), table.contract.shown())


def coordinate(names: Sequence[str]) -> Column:
    """`partition 0 offset 17`, and of a line of a record `line 2`."""
    return F.concat_ws(" ", *(part for name in names[1:] for part in (F.lit(name), F.col(name).cast("string"))))


def fatal(table: Table, accepted: Collection[str] = ()) -> Callable[[str], bool]:
    """Tells whether a broken rule, or a field that came or went, lets nothing pass and was not accepted."""
    rules = table.fatal_rules
    return lambda rule: (rule in rules or drift.is_fatal(table, rule)) and rule not in accepted


def refuse_broken(table: Table, counted: Audit, accepted: Collection[str] = ()) -> None:
    """Lets a batch pass that breaks no fatal rule.

    Raises:
        RefusedError: it breaks one; nothing is published.
    """
    if counted.breaks(fatal(table, accepted)):
        raise refusal(table, counted, accepted)


def refusal(table: Table, counted: Audit, accepted: Collection[str] = ()) -> RefusedError:
    """Names the days and the rules that are broken on them, and how to go on."""
    broken = counted.breaks(fatal(table, accepted))
    rules = sorted({rule for names in broken.values() for rule in names})
    days = ", ".join(str(day) for day in [*broken][:_SHOWN_DAYS]) + (" and more" if len(broken) > _SHOWN_DAYS else "")
    shown, more = rules[:_SHOWN_RULES], " and more" if len(rules) > _SHOWN_RULES else ""
    word = " --rule ".join(map(shell_word, shown))
    return RefusedError(
        f"{days} breaks {', '.join(map(repr, shown))}{more}; {REFUSED}",
        where=table.key,
        do=f"Correct the source, the transform or the contract; or run `lakehouse accept {table.key} --rule {word}`",
        audit=counted,
    )
