"""Acceptances: a person's word, recorded in a table's own history, that a loss is known and work may go on."""

from __future__ import annotations

import time

from pyspark.sql import SparkSession

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.sources.planning import Acceptance
from lakehouse_assets.engine.sources.source import source_of
from lakehouse_assets.engine.tables import SourceTable, Table
from lakehouse_assets.engine.writing import delta
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import Settings


def record(spark: SparkSession, settings: Settings, table: Table, by: str) -> Acceptance:
    """Commits an acceptance of whatever holds the table now: lost offsets, a new topic, a RESTORE.

    Raises:
        LakehouseError: the table does not exist yet, so that nothing can be lost.
        UnavailableError: the source or the store does not answer.
    """
    lake = Lake(settings)
    ledger = lake.ledger(table.key)
    if ledger.version < 0:
        raise LakehouseError("there is nothing to accept: no such table yet", where=table.key, do="Let it start first")
    accepted = Acceptance(topic_id="", resume={})
    if isinstance(table, SourceTable):
        accepted = source_of(settings, table).acceptance(ledger)
    statement = Statement("acceptance", by, acceptance=accepted)
    transaction = delta.Transaction(f"{table.key}/acceptance", int(time.time() * 1000))
    delta.state(delta.Target(spark, lake, table.key), statement, transaction)
    return accepted
