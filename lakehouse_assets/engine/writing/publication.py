"""A batch ready to be committed: the table's rows, the rows set aside, and what the commit says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Commit, Ledger, Statement
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.sessions import SMALL_RECORDS
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import choosing, conflicts, delta, grounds, quarantine, turns
from lakehouse_assets.engine.writing.audits import Audit
from lakehouse_assets.engine.writing.deduplication import Precedence
from lakehouse_assets.engine.writing.drift import Change
from lakehouse_assets.engine.writing.turns import Turn
from lakehouse_assets.engine.writing.writers import Writer
from lakehouse_assets.errors import ContractError, SupersededError

FRESH_PLANS: Final = 5


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
    here: pa.Table | None = None
    """The same rows, where this process has them."""
    computed: DataFrame | None = None
    """What the rows follow from and are no larger than, as it was computed already."""
    slices: tuple[Slice, ...] = ()
    """The coordinates an increment takes in."""
    quarantined: DataFrame | None = None
    """Rows set aside; None when there are none."""
    quarantine_where: str = "FALSE"
    """Which quarantined rows these take the place of."""
    settle: tuple[Partition, ...] = ()
    """Days on which the quarantine held rows before: those that the table holds afterwards are taken out of it."""
    change: Change = field(default_factory=Change)
    """What the table's columns need first."""
    audit: Audit = field(default_factory=Audit)
    """How many rows broke which rule on which day."""
    precedence: Precedence | None = None
    """Which record of a grain wins, where rows are merged."""
    turn: Turn | None = None
    """The writer's turn at the table, given back after the commit."""
    anew: Callable[[], Publication | None] | None = None
    """Plans it again, in a new turn, where another commit came first."""

    @property
    def rows_by_day(self) -> Mapping[Partition, int]:
        """Good rows of the batch by day."""
        return self.audit.good

    @property
    def transaction(self) -> delta.Transaction:
        """Lets one of all the publications planned from the same ledger be written, and none from an older one.

        Delta's own number outlives the log; a restored or recovered table's ledger may be older than it.
        """
        newest = max(self.before.transaction_version, self.before.stated_version)
        return delta.Transaction(self.table.key, newest + 1 + bool(self.change.widened))

    @property
    def is_all_new(self) -> bool:
        """Whether the table cannot hold any of the rows: it lies where its position says, and no rows beyond it."""
        return self.statement.kind == "increment" and self.before.is_exact

    @property
    def opens(self) -> bool:
        """Whether the quarantine may hold rows of the table between its write and the table's, or after it."""
        return self.statement.position is None and self.sets_aside

    @property
    def sets_aside(self) -> bool:
        """Whether anything is written to the quarantine."""
        return self.quarantined is not None or bool(self.settle)

    @property
    def quarantine_transaction(self) -> delta.Transaction:
        """Of the write to the quarantine; refused where somebody wrote there since the plan."""
        return delta.Transaction(self.table.quarantine, self.before.quarantine_transaction + 1)

    @property
    def widening(self) -> delta.Transaction:
        """Of the rewriting that comes before the rows where a column's type is widened."""
        return delta.Transaction(self.table.key, self.transaction.version - 1)


def in_turn(lake: Lake, table: Table, plan: Callable[[], Publication | None]) -> Publication | None:
    """What `plan` yields of the lake as it is once no other run writes to the table; the turn ends with the commit.

    Raises:
        UnavailableError: another run wrote for too long.
    """
    turn = turns.take(lake.settings, table.key)
    try:
        lake.forward(table.key, table.quarantine)
        planned = plan()
    except BaseException:
        turn.give_back()
        raise
    if planned is None:
        turn.give_back()
        return None
    return replace(planned, turn=turn, anew=partial(in_turn, lake, table, plan))


def publish(spark: SparkSession, lake: Lake, publication: Publication) -> Commit:
    """Quarantine first, then the table; returns the commit that holds the rows.

    Raises:
        SupersededError: another batch, rebuild or replay was committed since the plan.
        LossError: rows of the table went back by a RESTORE since the plan.
    """
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    said = replace(
        publication.statement,
        planned_from=publication.before.version,
        at=at,
        transaction=publication.transaction.version,
        quarantine_transaction=publication.before.quarantine_transaction + publication.sets_aside,
    )
    with publication.turn or nullcontext():
        return _publish(spark, lake, replace(publication, statement=said))


def publish_anew(
    spark: SparkSession, lake: Lake, plan: Callable[[], Publication | None], tries: int = FRESH_PLANS
) -> tuple[Publication, Commit] | None:
    """Plans and publishes, with a fresh plan at once where another commit came first; None where nothing is left.

    Raises:
        SupersededError: other commits came first every time.
    """
    for left in reversed(range(tries)):
        if (planned := plan()) is None:
            return None
        try:
            return planned, publish(spark, lake, planned)
        except SupersededError:
            if not left:
                raise
    raise AssertionError("no tries")


def publish_planned(spark: SparkSession, lake: Lake, planned: Publication) -> tuple[Publication, Commit] | None:
    """Publishes it, or at once what is planned anew in its place where another commit came first.

    Raises:
        SupersededError: other commits came first every time.
    """
    if planned.anew is None:
        return planned, publish(spark, lake, planned)
    first, anew = iter([planned]), planned.anew
    return publish_anew(spark, lake, lambda: next(first, None) or anew())


def _publish(spark: SparkSession, lake: Lake, publication: Publication) -> Commit:
    grounds.require_standing(lake, publication)
    _set_aside(spark, lake, publication)
    target = delta.Target(spark, lake, publication.table.key)
    if not target.exists():
        by, append_only = publication.table.grid.columns, publication.mode == "append"
        target.create(publication.rows.schema, by=by, append_only=append_only)
    if publication.change:
        _alter(target, publication)
    writer = choosing.writer(target, publication)
    conflicts.past_compaction(
        lambda: _write(writer, publication), lambda: grounds.is_next(lake, publication), target.key
    )
    commit = grounds.confirm(lake, publication)
    if publication.opens:
        _close(spark, lake, publication)
    return commit


def _close(spark: SparkSession, lake: Lake, publication: Publication) -> None:
    """Where another writer has written to the quarantine since, it has settled this before."""
    table, number = publication.table, publication.quarantine_transaction.version + 1
    days = publication.settle or publication.statement.days
    settled = Statement("settled", publication.statement.run_id, tuple(days))
    with suppress(SupersededError):
        if publication.settle:
            quarantine.settle(spark, lake, table, days, settled, number)
        else:
            target = delta.Target(spark, lake, table.quarantine)
            quarantine.say(target, settled, delta.Transaction(table.quarantine, number))


def _alter(target: delta.Target, publication: Publication) -> None:
    said = publication.statement
    widened = Statement("widened", said.run_id, planned_from=said.planned_from, at=said.at)
    conflicts.past_compaction(
        lambda: target.alter(publication.change, widened, publication.widening),
        lambda: grounds.is_next(target.lake, publication),
        target.key,
    )
    held = target.lake.newly(target.key).schema(target.key)
    if any(held is None or held[name].dataType != kind for name, kind in publication.change.widened.items()):
        raise conflicts.superseded(target.key)


def _set_aside(spark: SparkSession, lake: Lake, publication: Publication) -> None:
    if not publication.sets_aside:
        return
    rows, target = publication.quarantined, delta.Target(spark, lake, publication.table.quarantine)
    if rows is not None and not target.exists():
        table = publication.table
        target.create(rows.schema, by=table.grid.columns if table.quarantined_by_day else ())
    said = replace(
        publication.statement, planned_from=lake.newly(target.key).version(target.key), quarantine_transaction=-1
    )
    said = quarantine.open_statement(said) if publication.opens else said
    few = publication.audit.bad_rows <= min(SMALL_RECORDS, lake.settings.near_rows)
    quarantine.write(target, rows, few, publication.quarantine_where, said, publication.quarantine_transaction)


def _write(writer: Writer, publication: Publication) -> None:
    statement, transaction, grid = publication.statement, publication.transaction, publication.table.grid
    if publication.mode == "append":
        where = grid.where(statement.days, "t") if statement.kind == "increment" else "TRUE"
        writer.append(publication.rows, publication.slices, where, statement, transaction)
    elif publication.mode == "merge":
        grain = publication.table.full_grain
        precedence = publication.precedence
        assert precedence is not None, "rows that are merged need to know which of them wins"
        where = grid.where(statement.days, "t")
        writer.merge(publication.rows, grain, where, precedence, statement, transaction)
    elif statement.days:
        writer.replace(publication.rows, grid.where(statement.days), statement, transaction)
    else:
        writer.state(statement, transaction)
