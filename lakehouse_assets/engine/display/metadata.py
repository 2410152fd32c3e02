"""What a materialization says of itself: small facts for each touched day, and once a run all that is worth a look.

The rows are committed when this is asked, so nothing here may fail a run: what can't be told is left out, with a
warning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dagster import AssetMaterialization, DagsterInstance, MetadataValue
from dagster._core.definitions.data_version import CODE_VERSION_TAG
from pyspark.sql import SparkSession

from lakehouse_assets.engine.display import highlights, markdown
from lakehouse_assets.engine.grids import Partition
from lakehouse_assets.engine.history import commit_log
from lakehouse_assets.engine.history.commit_log import CommitLog, Size
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Commit
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.provenance import position_table
from lakehouse_assets.engine.writing.publication import Publication

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Report:
    """What is known of one commit, read once for all its days."""

    publication: Publication
    commit: Commit
    seconds: Mapping[str, float]
    """`plan_seconds` and `commit_seconds`, where measured."""
    log: CommitLog | None = None
    total: Size = field(default_factory=Size)
    days: Mapping[Partition, Size] = field(default_factory=dict)

    @property
    def newest_day(self) -> Partition | None:
        """The day whose event carries what is said once a run."""
        return max(self.publication.statement.days, default=None, key=str)


def report(lake: Lake, publication: Publication, commit: Commit, seconds: Mapping[str, float], warn: Warn) -> Report:
    """A report of a commit, with what the Delta log says of it; two small reads."""
    key = publication.table.key
    try:
        log = commit_log.read(lake, key, commit.version)
        total, days = commit_log.sizes(lake, key, commit.version)
    except Exception as error:  # the rows are committed: see the module's docstring
        warn(f"{key}: files and sizes are left out: {error}")
        return Report(publication, commit, seconds)
    return Report(publication, commit, seconds, log, total, days)


def events(found: Report, once: Mapping[str, Any]) -> Iterator[AssetMaterialization]:
    """One materialization for each touched day, oldest first; the newest day's one carries `once`."""
    for day in found.publication.statement.days:
        yield day_materialization(found, day, once if day == found.newest_day else {})


def day_materialization(found: Report, day: Partition, once: Mapping[str, Any] | None = None) -> AssetMaterialization:
    """The event for one touched day."""
    metadata = day_metadata(found, day) | dict(once or {})
    code = found.publication.statement.code
    return AssetMaterialization(
        found.publication.table.asset_key,
        partition=found.publication.table.grid.key(day),
        metadata=metadata,
        tags={CODE_VERSION_TAG: code} if code else {},
    )


def day_metadata(found: Report, day: Partition) -> dict[str, Any]:
    """The facts of one day: few and small, because a rebuild may touch hundreds of days."""
    publication, held = found.publication, found.days.get(day, Size())
    position = publication.statement.position or publication.before.position
    facts = commit_metadata(found.commit, position) | dict(found.seconds)
    facts |= {"rows_from_this_run": publication.rows_by_day.get(day, 0)}
    if publication.statement.contract:
        facts |= {"contract_version": publication.statement.contract}
    if found.log is None:
        return facts
    added = found.log.added_on(day)
    return facts | {
        "dagster/partition_row_count": held.rows,
        "files": files_shown(held.files, held.bytes),
        "files_written": files_shown(len(added), sum(file.bytes for file in added)),
    }


def run_metadata(
    found: Report, spark: SparkSession, lake: Lake, instance: DagsterInstance, warn: Warn
) -> dict[str, Any]:
    """What is said once a run: sizes of the commit and the table, Spark's metrics, schema, preview, plot, lineage."""
    publication = found.publication
    if not publication.statement.days:
        return {}
    facts: dict[str, Any] = {
        "dagster/uri": MetadataValue.text(lake.uri(publication.table.key)),
        "rows_in_commit": sum(publication.rows_by_day.values()),
        "quarantined_rows": publication.statement.counts.get("quarantined"),
    }
    if found.log is not None:
        facts |= _commit_facts(found.log, found.total)
    shown = highlights.Written(publication, found.commit.version, found.log)
    facts |= highlights.of(shown, spark, lake, instance, warn)
    return {name: value for name, value in facts.items() if value is not None}


def _commit_facts(log: CommitLog, total: Size) -> dict[str, Any]:
    return {
        "dagster/row_count": total.rows,
        "table_files": files_shown(total.files, total.bytes),
        "commit_files": files_shown(len(log.added), sum(file.bytes for file in log.added), log.removed_files),
        "spark_metrics": MetadataValue.md(metrics_table(log.metrics)) if log.metrics else None,
    }


def metrics_table(metrics: Mapping[str, str]) -> str:
    """Delta's measurements of a commit as Markdown; what is zero is left out."""
    told = [(name, _grouped(value)) for name, value in sorted(metrics.items()) if value != "0"]
    return markdown.table(("metric", "value"), told, right=["value"])


def _grouped(value: str) -> str:
    return f"{int(value):,}" if value.isdigit() else value


def files_shown(files: int, size: int, removed: int = 0) -> str:
    """A number of files, their bytes, and how many went."""
    taken_out = f", {removed:,} removed" if removed else ""
    return f"{files:,} ({_bytes(size)}){taken_out}"


def _bytes(size: int) -> str:
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if size >= 10**power:
            return f"{size / 10**power:,.1f} {unit}"
    return f"{size} bytes"


def quarantine_events(publication: Publication) -> Iterator[AssetMaterialization]:
    """What a publication tells Dagster of its table's quarantine: one event a day, or one in all for a source's."""
    audit, key = publication.audit, [*publication.table.quarantine.split("/")]
    if publication.table.quarantined_by_day:
        for day, rows in audit.bad.items():
            yield AssetMaterialization(
                key,
                partition=publication.table.grid.key(day) if day else None,
                metadata=_quarantine_facts(publication, rows, [day]),
            )
    elif audit.bad_rows:
        yield AssetMaterialization(key, metadata=_quarantine_facts(publication, audit.bad_rows, audit.days()))


def _quarantine_facts(publication: Publication, rows: int, days: list[Partition | None]) -> dict[str, Any]:
    reasons: Counter[str] = Counter()
    for day in days:
        reasons.update(publication.audit.broken.get(day, {}))
    shown = markdown.table(
        ("reason", "rows"), [(name, str(count)) for name, count in reasons.most_common()], right=["rows"]
    )
    return {"rows_set_aside": rows, "reasons": MetadataValue.md(shown)}


def commit_metadata(commit: Commit, position: Position) -> dict[str, Any]:
    """What is true of a commit whoever reports it."""
    return {"delta_version": commit.version, "position": MetadataValue.md(position_table(position))}
