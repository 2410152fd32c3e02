"""Acceptances: a person's word, recorded in a table's own history, that something is known and work may go on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pyspark.sql import SparkSession

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.sources.planning import Acceptance
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing import delta, drift, stating
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import Settings

_APART = "acceptance"


def record(spark: SparkSession, settings: Settings, table: Table, by: str) -> Acceptance:
    """Commits an acceptance of whatever holds the table now: lost offsets, a new topic, a RESTORE.

    Raises:
        LakehouseError: the table does not exist yet, so that nothing can be lost.
        UnavailableError: the source or the store does not answer.
    """
    lake = Lake(settings)
    ledger = ledger_of(lake, table)
    if ledger.version < 0:
        raise LakehouseError("there is nothing to accept: no such table yet", where=table.key, do="Let it start first")
    accepted = table.acceptance(settings, ledger)
    target = delta.Target(spark, lake, table.key)
    stating.state(target, Statement("acceptance", by, acceptance=accepted), ledger.version, _APART)
    return accepted


def record_rules(spark: SparkSession, settings: Settings, table: Table, rules: Sequence[str], by: str) -> None:
    """Commits that the next batch may break these `fail` rules.

    Rows of an event table that break one are set aside with it; what else breaks one is published, and shown as failed.

    Raises:
        LakehouseError: the table has no such rule that fails.
    """
    known = table.fatal_rules
    if unknown := [rule for rule in rules if table.contract is None or not _can_be_accepted(known, rule)]:
        raise LakehouseError(
            f"no rule that fails is called {', '.join(map(repr, unknown))}",
            where=table.key,
            do=f"Give one of: {', '.join(map(repr, sorted(known))) or 'none, for it has no such rule'}",
        )
    lake = Lake(settings)
    target = delta.Target(spark, lake, table.key)
    target.create(table.published_schema(spark), by=table.grid.columns)
    said = Statement("acceptance", by, accepted_rules=tuple(rules))
    stating.state(target, said, lake.version(table.key), _APART)


def _can_be_accepted(known: Collection[str], rule: str) -> bool:
    return rule in known or drift.can_be_accepted(rule)
