"""What a table's definition must meet, found when its file is read instead of when rows are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lakehouse_assets.engine import names
from lakehouse_assets.engine.contracts import Contract
from lakehouse_assets.engine.decoding.lines import LINE
from lakehouse_assets.engine.rules import VolumeRule
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import ContractError

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.event import EventTable

_RENAME = "Give the field of the model another name"


def check_events(contract: Contract, grain: Sequence[str], table: str, coordinate: Sequence[str]) -> None:
    """Lets an event table pass whose columns are its own, whose grain is never null and whose days can fill.

    Raises:
        ContractError: names what is wrong.
    """
    names.check(contract.fields.names, {*names.EVENTS_OWN, *coordinate}, table, _RENAME)
    names.check_held(contract.fields.names, table)
    _check_grain(contract, grain, table)
    for rule in contract.spanning:
        if isinstance(rule, VolumeRule) and rule.severity == "fail" and rule.at_least > 1:
            raise ContractError(
                f"{rule.name!r} of severity fail: a day starts with fewer, so that its first batch would never pass",
                where=table,
                do='Give it severity="warn", or only at_most',
            )


def check_sources(table: Table) -> None:
    """Lets a table of events pass whose records come from source tables, parted alike.

    Raises:
        ContractError: names what is wrong.
    """
    others = [each.key for each in table.upstreams if each not in table.sources]
    if others or not table.upstreams:
        raise ContractError(
            f"its records come from {', '.join(others) or 'nowhere'}, which holds no records of a source",
            where=table.key,
            do="Give bronze tables as its source; what is only looked up as Upstream(table, looked_up=True)",
        )
    if sorted(each.looked_up for each in table.lives_on) != [each.looked_up for each in table.lives_on]:
        raise ContractError(
            "it names what it looks up before a source", where=table.key, do="Name the sources first, in source=(...)"
        )
    if len({each.grid for each in table.upstreams}) > 1:
        units = " and ".join(f"{each.key} by the {each.grid.unit}" for each in table.upstreams)
        raise ContractError(f"its sources are parted otherwise: {units}", where=table.key, do="Part them alike")


def check_explode(table: EventTable) -> None:
    """Lets an event table pass that makes several rows of a record, if all its sources have the array.

    Raises:
        ContractError: one does not, or has a column named `line` beside it.
    """
    for source in table.sources if table.explode else ():
        arrays = source.decode.arrays if source.decode else ()
        if table.explode not in arrays:
            raise ContractError(
                f"{source.key} has no array {table.explode!r} to make rows of: it has {', '.join(arrays) or 'none'}",
                where=table.key,
                do="Name the column of an array that is declared in the source's `decode`",
            )
        assert source.decode is not None
        if LINE in source.decode.columns_read:
            raise ContractError(
                f"{source.key} has a column {LINE!r}, which is to hold the number of a row in its record",
                where=table.key,
                do=f'Give the field another column in the source\'s `decode`: columns={{"{LINE}": "its_line"}}',
            )


def check_answers(contract: Contract, table: str) -> None:
    """Lets a table of answers pass whose columns are its own.

    Raises:
        ContractError: names what is wrong.
    """
    names.check(contract.fields.names, names.ANSWERS_OWN, table, _RENAME)
    names.check_held(contract.fields.names, table)


def _check_grain(contract: Contract, grain: Sequence[str], table: str) -> None:
    """A null is equal to no other in a merge: each batch would bring the same event in once more."""
    never_null = {rule.name for rule in contract.rules if rule.severity != "warn"}
    if missing := [name for name in grain if name not in contract.fields.names]:
        raise ContractError(
            f"its grain names {', '.join(missing)}, which the model lacks", where=table, do="Name columns of the model"
        )
    if wrong := [name for name in grain if f"{name}: not null" not in never_null]:
        raise ContractError(
            f"its grain {', '.join(wrong)} can be null: an event without it would be published once for each batch",
            where=table,
            do="Declare the field without nullable=True and without severity warn, or leave it out of the grain",
        )
