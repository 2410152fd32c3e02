"""A batch ready to be committed: the table's rows, the rows set aside, and what the commit says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Commit, Ledger, Statement
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.tables import EventTable, Table
from lakehouse_assets.engine.writing import delta, quarantine, turns
from lakehouse_assets.engine.writing.audits import Audit
from lakehouse_assets.engine.writing.drift import Change
from lakehouse_assets.engine.writing.turns import Turn
from lakehouse_assets.errors import ContractError, PlanError
from lakehouse_assets.settings import Settings


class RefusedError(ContractError):
    """A batch breaks a rule that lets nothing pass; `audit` has the counts."""

    def __init__(self, what: str, *, where: str, do: str, audit: Audit) -> None:
        super().__init__(what, where=where, do=do)
        self.audit = audit


@dataclass(frozen=True)
class Publication:
    """What one run writes to one table and its quarantine."""

    table: Table
    mode: Literal["append", "merge", "replace"]
    rows: DataFrame
    statement: Statement
    before: Ledger
    """The table's ledger as it was when this was planned."""
    slices: tuple[Slice, ...] = ()
    """The coordinates an increment takes in."""
    quarantined: DataFrame | None = None
    """Rows set aside; None when there are none."""
    quarantine_where: str = "FALSE"
    """Which quarantined rows these take the place of."""
    settle: tuple[date, ...] = ()
    """Days on which the quarantine held rows before: those that the table holds afterwards are taken out of it."""
    change: Change = field(default_factory=Change)
    """What the table's columns need first."""
    audit: Audit = field(default_factory=Audit)
    """How many rows broke which rule on which day."""
    turn: Turn | None = None
    """The writer's turn at the table, given back after the commit."""

    @property
    def rows_by_day(self) -> Mapping[date, int]:
        """Good rows of the batch by day."""
        return self.audit.good

    @property
    def transaction(self) -> delta.Transaction:
        """Lets one of all the publications planned from the same ledger be written, and none from an older one."""
        return delta.Transaction(self.table.key, self.before.stated_version + 1)


def in_turn(settings: Settings, table: Table, plan: Callable[[], Publication | None]) -> Publication | None:
    """What `plan` yields, planned once no other run writes to the table; the turn ends with the commit.

    Raises:
        UnavailableError: another run wrote for too long.
    """
    turn = turns.take(settings, table.key)
    try:
        planned = plan()
    except BaseException:
        turn.give_back()
        raise
    if planned is None:
        turn.give_back()
        return None
    return replace(planned, turn=turn)


def publish(spark: SparkSession, lake: Lake, publication: Publication) -> Commit:
    """Quarantine first, then the table; returns the commit that holds the rows.

    Raises:
        PlanError: the table moved on since the plan, or Delta skipped the write.
    """
    with publication.turn or nullcontext():
        return _publish(spark, lake, publication)


def _publish(spark: SparkSession, lake: Lake, publication: Publication) -> Commit:
    _set_aside(spark, lake, publication)
    target = delta.Target(spark, lake, publication.table.key)
    target.create(publication.rows.schema, append_only=publication.mode == "append")
    if publication.change:
        target.alter(publication.change, publication.statement.run_id)
    delta.past_compaction(lambda: _write(target, publication), lambda: _is_next(lake, publication))
    commit = _confirm(lake, publication)
    if publication.settle:
        quarantine.settle(spark, lake, publication.table, publication.settle, publication.statement.run_id)
    return commit


def _set_aside(spark: SparkSession, lake: Lake, publication: Publication) -> None:
    rows = publication.quarantined
    if rows is None:
        return
    target = delta.Target(spark, lake, publication.table.quarantine)
    target.create(rows.schema, partitioned=isinstance(publication.table, EventTable))
    said = publication.statement
    if publication.settle:
        said = quarantine.open_statement(said)
    delta.past_compaction(
        lambda: delta.replace(target, rows, publication.quarantine_where, said, new_columns=True),
        lambda: _is_next(lake, publication),
    )


def _is_next(lake: Lake, publication: Publication) -> bool:
    """Whether the table still stands where this was planned, whatever maintenance did."""
    return lake.ledger(publication.table.key).stated_version == publication.before.stated_version


def _write(target: delta.Target, publication: Publication) -> None:
    statement, transaction = publication.statement, publication.transaction
    if publication.mode == "append":
        delta.append(target, publication.rows, publication.slices, statement, transaction)
    elif publication.mode == "merge":
        assert isinstance(publication.table, EventTable)
        grain = publication.table.full_grain
        precedence = publication.table.precedence(statement.position or publication.before.position)
        delta.merge(target, publication.rows, grain, statement.days, precedence, statement, transaction)
    elif statement.days:
        delta.replace(target, publication.rows, delta.in_days(statement.days), statement, transaction)
    else:
        delta.state(target, statement, transaction)


def _confirm(lake: Lake, publication: Publication) -> Commit:
    """The commit of this run; compares the whole position, because a transaction version alone proves nothing."""
    wanted = publication.statement
    for commit in lake.commits(publication.table.key):
        if commit.version <= publication.before.version:
            break
        if commit.statement and commit.statement.run_id == wanted.run_id and commit.statement.kind == wanted.kind:
            if commit.statement.position == wanted.position:
                return commit
            break
    raise PlanError(
        "the write was skipped: another batch has reached or passed this one's position",
        where=publication.table.key,
        do="Nothing is lost or doubled; the next batch is planned from the table's ledger",
    )
