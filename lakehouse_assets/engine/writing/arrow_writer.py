"""Writing Delta tables from this process, by delta-rs: the verbs of Spark's writer for rows that fit in memory.

Each commit is a compare-and-set: the table is opened once, what came since the plan and the transaction are read from
that snapshot, and the commit is the version right after it or none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake import Transaction as AppTransaction
from deltalake.exceptions import DeltaError
from pyspark.sql import DataFrame

from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.writing import meeting_rows
from lakehouse_assets.engine.writing.deduplication import Precedence
from lakehouse_assets.engine.writing.delta import Target, Transaction
from lakehouse_assets.engine.writing.spark_writer import SparkWriter

_HOOKS: Final = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
"""Both grow with the table: they are done beside the batches, or by maintenance."""

_GIVEN_UP: Final = "panicked"

Write = Callable[[DeltaTable, CommitProperties], None]


@dataclass(frozen=True)
class ArrowWriter:
    """The verbs of `writers.Writer`, by delta-rs.

    What delta-rs gives up on is left to Spark: it cannot tell the range of dates that lie beyond the year 262142.
    """

    target: Target
    stands: Callable[[DeltaTable], None]
    """Raises where what came since the plan leaves it without ground."""
    here: pa.Table | None = None
    """The rows that are to be written, where this process has them."""

    def append(
        self,
        rows: DataFrame,
        slices: Sequence[Slice],
        where: str,
        statement: Statement,
        transaction: Transaction,
    ) -> None:
        """Looks at no row of the table: no statement but the ones that the plan knows of takes in these slices."""
        batch = self._batch(rows)
        instead = partial(self._spark.append, rows, slices, where, statement, transaction)
        self._commit(statement, transaction, lambda table, said: _append(table, batch, said), instead)

    def merge(
        self,
        rows: DataFrame,
        grain: Sequence[str],
        where: str,
        precedence: Precedence,
        statement: Statement,
        transaction: Transaction,
    ) -> None:
        """Reads the rows of the same grain first; `where` prunes the table `t`.

        Where all rows of the batch's partitions had to be read, these are written anew: nobody looks for rows twice.
        """
        batch, target = self._batch(rows), self.target

        def write(table: DeltaTable, said: CommitProperties) -> None:
            met = meeting_rows.met(target.lake, target.key, table, batch, grain, where)
            settled = meeting_rows.settled(target.spark, batch, rows.schema, met.held, grain, precedence)
            if not settled.changed.num_rows:
                _append(table, settled.rows, said)
            elif met.every is None:
                _merge(table, settled.rows, met.held, grain, where, said)
            else:
                kept = meeting_rows.without(met.every, settled.changed, grain)
                anew = pa.concat_tables([kept, _fitted(settled.rows, table)], promote_options="default")
                _replace(table, anew, meeting_rows.parts(table, anew, ""), said)

        instead = partial(self._spark.merge, rows, grain, where, precedence, statement, transaction)
        self._commit(statement, transaction, write, instead)

    def replace(self, rows: DataFrame, where: str, statement: Statement, transaction: Transaction) -> None:
        """A row that does not meet `where` is refused by delta-rs."""
        batch = self._batch(rows)
        instead = partial(self._spark.replace, rows, where, statement, transaction)
        self._commit(statement, transaction, lambda table, said: _replace(table, batch, where, said), instead)

    def state(self, statement: Statement, transaction: Transaction) -> None:
        """By an append of nothing."""
        instead = partial(self._spark.state, statement, transaction)
        self._commit(
            statement, transaction, lambda table, said: _append(table, _columns(table).empty_table(), said), instead
        )

    @property
    def _spark(self) -> SparkWriter:
        return SparkWriter(self.target)

    def _batch(self, rows: DataFrame) -> pa.Table:
        return rows.toArrow() if self.here is None else self.here

    def _commit(
        self, statement: Statement, transaction: Transaction, write: Write, instead: Callable[[], None]
    ) -> None:
        """Files are written before the commit: where one cannot be, nothing is committed, and `instead` is done."""
        table = self.target.open()
        done = table.transaction_version(transaction.app_id)
        if done is not None and done >= transaction.version:
            return
        self.stands(table)
        said = CommitProperties(
            custom_metadata={"userMetadata": self.target.said(statement)},
            app_transactions=[AppTransaction(transaction.app_id, transaction.version)],
            max_commit_retries=0,
        )
        try:
            write(table, said)
        except DeltaError as error:
            if _GIVEN_UP not in str(error):
                raise
            instead()


def _append(table: DeltaTable, rows: pa.Table, said: CommitProperties) -> None:
    write_deltalake(
        table, _fitted(rows, table), mode="append", commit_properties=said, post_commithook_properties=_HOOKS
    )


def _replace(table: DeltaTable, rows: pa.Table, where: str, said: CommitProperties) -> None:
    write_deltalake(
        table,
        _fitted(rows, table),
        mode="overwrite",
        predicate=where,
        commit_properties=said,
        post_commithook_properties=_HOOKS,
    )


def _merge(
    table: DeltaTable, rows: pa.Table, held: pa.Table, grain: Sequence[str], where: str, said: CommitProperties
) -> None:
    """Reads no partition but those of `held`, the rows that the table has of these grains.

    Partition by partition: of rows that lie about delta-rs makes as many small pieces as there are partitions in each
    of its batches.
    """
    same_grain = " AND ".join(f"t.`{name}` = s.`{name}`" for name in grain)
    parted_by = table.metadata().partition_columns
    ordered = rows.sort_by([(name, "ascending") for name in parted_by]) if parted_by else rows
    merging = table.merge(
        _fitted(ordered, table),
        f"{meeting_rows.parts(table, held) or where} AND {same_grain}",
        source_alias="s",
        target_alias="t",
        commit_properties=said,
        post_commithook_properties=_HOOKS,
    )
    merging.when_matched_update_all().when_not_matched_insert_all().execute()


def _columns(table: DeltaTable) -> pa.Schema:
    return pa.schema(table.schema().to_arrow())


def _fitted(rows: pa.Table, table: DeltaTable) -> pa.Table:
    """The table's columns in its own types and order; null where the rows have none. What it lacks stays, and is
    refused."""
    given = {name.lower(): name for name in rows.column_names}
    columns = {
        each.name: rows[given.pop(each.name.lower())].cast(each.type)
        if each.name.lower() in given
        else pa.nulls(rows.num_rows, each.type)
        for each in _columns(table)
    }
    return pa.table(columns | {name: rows[name] for name in given.values()})
