"""A quarantine as a Dagster asset: browsable by day, checked for its age and size, replayed by materializing it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    AssetSelection,
    AssetSpec,
    DefaultScheduleStatus,
    Definitions,
    MaterializeResult,
    ScheduleDefinition,
    asset,
    define_asset_job,
    multi_asset_check,
)

from lakehouse_assets.engine.display import metadata
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.orchestration import pipeline_log
from lakehouse_assets.engine.orchestration.assets import asked_for, parted
from lakehouse_assets.engine.orchestration.pipelines import engine_of
from lakehouse_assets.engine.spark import SparkConnect
from lakehouse_assets.engine.writing.engine import Engine
from lakehouse_assets.engine.writing.publication import Publication, publish
from lakehouse_assets.redaction import shielded
from lakehouse_assets.settings import Settings, load

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.quarantine import Quarantine

SECONDS_PER_DAY = 86_400
_COLUMNS = """| column | what it says |
|---|---|
| {coordinate} | where the record is: bronze keeps it raw |
| `reasons` | every rule it broke, or why it cannot be read |
| `fields` | what could be read of it, personal values masked |
| `contract_version`, `set_aside_at` | under which contract, and since when |"""
_OF_SOURCE = (
    "\n\nRecords whole, as they came: dated outside the calendar, or of a faulty file. It has no partitions: their"
    " days need not exist."
)
_REPLAY = "\n\nMaterialize days of it after a fix: rows that meet the contract now are merged into the table."


def quarantines(found: Sequence["Quarantine"], settings: Settings) -> Definitions:
    """Every quarantine, its checks, and the schedule that has them checked."""
    return Definitions(
        assets=[quarantine_asset(quarantine, settings) for quarantine in found],
        asset_checks=[quarantine_checks(quarantine) for quarantine in found],
        schedules=[quarantine_schedule(found, settings)],
    )


def quarantine_asset(quarantine: "Quarantine", settings: Settings) -> AssetsDefinition | AssetSpec:
    """The quarantine's asset: that of an event table can be materialized, which replays the days asked for."""
    common: dict[str, Any] = {
        "key": quarantine.asset_key,
        "deps": quarantine.asset_deps,
        "group_name": quarantine.domain,
        "owners": [quarantine.owner],
        "kinds": {"deltalake", "quarantine"},
        "metadata": {"dagster/uri": f"s3://{settings.bucket}/{quarantine.key}"},
    }
    if not quarantine.is_replayed:
        return AssetSpec(description=quarantine.description + _OF_SOURCE, **common)
    return _replayable(quarantine, common, settings)


def _replayable(quarantine: "Quarantine", common: dict[str, Any], settings: Settings) -> AssetsDefinition:
    @asset(
        description=f"{quarantine.description}{_REPLAY}\n\n{_columns(quarantine)}",
        **parted(quarantine, settings),
        hooks={pipeline_log.failures_of(quarantine.key)},
        **common,
    )
    def replay(context: AssetExecutionContext, spark: SparkConnect) -> MaterializeResult:
        merged = 0
        with shielded():
            engine = engine_of(context, spark)
            for publication in quarantine.rebuild(engine, asked_for(context, quarantine)):
                merged += _publish(context, engine, publication)
            left = engine.lake.rows(quarantine.key)
        context.log.info(f"{merged} rows meet the contract now; {left} stay set aside")
        return MaterializeResult(metadata={"rows_merged": merged, "dagster/row_count": left})

    return replay


def _columns(quarantine: "Quarantine") -> str:
    return _COLUMNS.format(coordinate=", ".join(f"`{name}`" for name in quarantine.of.coordinate))


def _publish(context: AssetExecutionContext, engine: Engine, publication: Publication) -> int:
    """Merges what passes now, and tells Dagster which days of the table that changed."""
    started = datetime.now(UTC)
    commit = publish(engine.spark, engine.lake, publication)
    seconds = (datetime.now(UTC) - started).total_seconds()
    pipeline_log.committed(engine.settings, publication, commit, seconds)
    report = metadata.report(engine.lake, publication, commit, {"commit_seconds": seconds}, context.log.warning)
    for event in metadata.events(report, {}):
        context.log_event(event)
    return publication.audit.good_rows


def quarantine_checks(quarantine: "Quarantine") -> AssetChecksDefinition:
    """Checks of its size and of the age of its oldest row, from the Delta log alone."""
    names = ("size", "age")

    @multi_asset_check(
        name=f"check_{quarantine.name}",
        specs=[AssetCheckSpec(name, asset=quarantine.asset_key, description=_promise(name)) for name in names],
    )
    def check() -> Iterator[AssetCheckResult]:
        settings = load()
        yield from verdicts(settings, Lake(settings), quarantine, datetime.now(UTC))

    return check


def quarantine_schedule(quarantines: Sequence["Quarantine"], settings: Settings) -> ScheduleDefinition:
    """Has every quarantine checked once a day; running from the start."""
    checked = AssetSelection.checks_for_assets(*(quarantine.asset_key for quarantine in quarantines))
    return ScheduleDefinition(
        name="check_quarantines_daily",
        target=define_asset_job("check_quarantines", checked, description="Size and age of every quarantine."),
        cron_schedule=settings.maintenance_cron,
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING,
    )


def _promise(name: str) -> str:
    limit = {"size": "LAKEHOUSE_QUARANTINE_MAX_ROWS", "age": "LAKEHOUSE_QUARANTINE_MAX_DAYS"}[name]
    what = {"size": "It holds no more rows than", "age": "No row is set aside for longer, in days, than"}[name]
    return f"{what} `{limit}` says. Otherwise somebody has to look: mend the source or the contract, then replay."


def verdicts(settings: Settings, lake: Lake, quarantine: "Quarantine", now: datetime) -> Iterator[AssetCheckResult]:
    """How many rows there are, and how old the oldest is, against what the settings allow."""
    rows, oldest = lake.rows(quarantine.key), lake.least(quarantine.key, "set_aside_at")
    days = (now - oldest).total_seconds() / SECONDS_PER_DAY if oldest else 0.0
    yield _verdict(quarantine, "size", rows, settings.quarantine_max_rows)
    yield _verdict(quarantine, "age", round(days, 3), settings.quarantine_max_days)


def _verdict(quarantine: "Quarantine", name: str, found: float, most: float) -> AssetCheckResult:
    unit = {"size": "rows", "age": "days"}[name]
    return AssetCheckResult(
        asset_key=quarantine.asset_key,
        check_name=name,
        passed=found <= most,
        severity=AssetCheckSeverity.WARN,
        metadata={unit: found, f"most_{unit}": most, "severity": "warn"},
    )
