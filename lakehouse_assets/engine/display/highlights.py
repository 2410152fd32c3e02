"""What is worth a look once a run: column schema, column lineage, a preview of rows, and for gold a plot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dagster import (
    AssetKey,
    DagsterInstance,
    MetadataValue,
    TableColumn,
    TableSchema,
)
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from lakehouse_assets.engine.display import lineage, plot, preview
from lakehouse_assets.engine.display.analysed_plan import UnreadablePlan
from lakehouse_assets.engine.history import commit_log
from lakehouse_assets.engine.history.commit_log import CommitLog
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.publication import Publication

LINEAGE = "dagster/column_lineage"
LINEAGE_OF = "column_lineage_of"
"""Fingerprint of the transform that the lineage was read from."""

Facts = dict[str, Any]
Warn = Callable[[str], None]


@dataclass(frozen=True)
class Written:
    """A publication and what came of it."""

    publication: Publication
    version: int
    log: CommitLog | None

    @property
    def table(self) -> Table:
        """The table it went to."""
        return self.publication.table


def of(commit: Written, spark: SparkSession, lake: Lake, instance: DagsterInstance, warn: Warn) -> dict[str, Any]:
    """All highlights that can be had; one that fails is left out with a warning, because the rows are committed."""
    makers: tuple[Callable[[], Facts], ...] = (
        lambda: column_schema(commit),
        lambda: rows(commit, lake),
        lambda: picture(commit, lake),
        lambda: column_lineage(commit.table, spark, lake, instance),
    )
    found: dict[str, Any] = {}
    for make in makers:
        try:
            found |= make()
        except Exception as error:  # the docstring says why
            warn(f"{commit.table.key}: a part of its metadata is left out: {type(error).__name__}: {error}")
    return found


def prepare(table: Table) -> None:
    """Has what takes long to load loaded while the table's rows are being committed."""
    if table.measure:
        plot.prepare()


def column_schema(commit: Written) -> Facts:
    """The columns of the table, where they are new or a rebuild wrote them."""
    publication = commit.publication
    is_new = publication.before.version < 0 or (commit.log is not None and commit.log.changes_schema)
    if not is_new and publication.statement.kind != "rebuild":
        return {}
    return {"dagster/column_schema": table_schema(commit.table, publication.rows.schema)}


def table_schema(table: Table, schema: StructType) -> TableSchema:
    """As Dagster shows it: types, the contract's descriptions, and a tag on personal columns."""
    modelled = table.contract.fields if table.contract else ()
    comments = {field.name: field.metadata.get("comment") for field in modelled}
    masked = table.contract.personal if table.contract else frozenset[str]()
    return TableSchema(
        columns=[
            TableColumn(
                name=field.name,
                type=field.dataType.simpleString(),
                description=comments.get(field.name),
                tags={"personal": ""} if field.name in masked else {},
            )
            for field in schema.fields
        ]
    )


def rows(commit: Written, lake: Lake) -> Facts:
    """A few rows of the newest day that the commit wrote."""
    if commit.log is None:
        return {}
    newest = max((file.day for file in commit.log.added if file.day), default=None, key=str)
    files = commit.log.added_on(newest)
    shown = preview.of_files(commit.table, commit_log.storage(lake, commit.table.key), files)
    return {"preview": MetadataValue.md(shown)} if shown else {}


def picture(commit: Written, lake: Lake) -> Facts:
    """For a table that declares a plot: that measure by day, the days of this run standing out."""
    table, days = commit.table, commit.publication.statement.days
    if not table.measure or not days:
        return {}
    totals = plot.totals(lake, table, commit.version, max(days, key=str))
    if not totals:
        return {}
    description = table.columns[table.measure].metadata.get("comment", "")
    title = f"{table.measure.replace('_', ' ').capitalize()} by {table.grid.unit}"
    image = plot.png(table.grid, title, description, totals, days)
    return {"plot": MetadataValue.md(plot.markdown(table.grid, image))} if len(image) <= plot.MOST_BYTES else {}


def column_lineage(table: Table, spark: SparkSession, lake: Lake, instance: DagsterInstance) -> Facts:
    """The lineage of the table's columns; Spark is asked only when the transform has changed since the newest event.

    A plan that can't be read for certain gives none, and is not asked for again either.
    """
    traced = lineage.trace(spark, lake.settings, table)
    if traced is None:
        return {}
    read_from = {LINEAGE_OF: traced.fingerprint}
    known = known_lineage(instance, table.asset_key, traced.fingerprint)
    if known is not None:
        return read_from | known
    try:
        return read_from | {LINEAGE: lineage.column_lineage(spark, table, traced)}
    except UnreadablePlan:
        return read_from


def known_lineage(instance: DagsterInstance, key: AssetKey, fingerprint: str) -> Facts | None:
    """The lineage in the asset's newest event, if any; None when that event was not read from this transform."""
    newest = instance.get_latest_materialization_event(key)
    event = newest.asset_materialization if newest else None
    if event is None or LINEAGE_OF not in event.metadata or event.metadata[LINEAGE_OF].value != fingerprint:
        return None
    return {LINEAGE: event.metadata[LINEAGE]} if LINEAGE in event.metadata else {}
