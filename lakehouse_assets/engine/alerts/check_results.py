"""Watches asset checks: each evaluation tells whether a rule of a table, or of one day of it, holds.

Batches are judged without a day, days by rebuilds. A rule of severity WARN only sets rows aside, and one batch in ten
may have some: such an incident is over once the rule has held for `alerts_warn_hold_seconds`. A rule that its table no
longer has fails no more either, though nobody will ever say that it passes.

A row that only warns is told once: when its batch came. A rebuild that finds the same rows on their days tells nothing
new, however many days it judges for the first time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    DagsterEventType,
    EventLogRecord,
    MetadataValue,
)
from dagster import (
    TableMetadataValue as Samples,
)

from lakehouse_assets.engine.alerts import event_log
from lakehouse_assets.engine.alerts.conditions import Condition, Look, Scene, page
from lakehouse_assets.engine.orchestration import checks
from lakehouse_assets.engine.orchestration.checks import TO_GO_ON
from lakehouse_assets.engine.orchestration.hold_checks import NOT_HELD

MOST_SAMPLES = 5
_SAMPLE_CHARACTERS = 300
_TOLD = ("rows", "rows_breaking", "share", "severity", TO_GO_ON)


def look(scene: Scene, memory: Mapping[str, Any]) -> Look:
    """Every evaluation since the last look, in order."""
    cursor = event_log.Cursor.from_json(memory.get("cursor"), event_log.storage_id(scene.instance))
    found, cursor = event_log.read(scene.instance, DagsterEventType.ASSET_CHECK_EVALUATION, cursor, scene.now)
    warned = {key: dict(each) for key, each in memory.get("warned", {}).items()}
    judged = [(condition(scene, record), _was_told(record, warned)) for record in found]
    news = [each for each, was_told in judged if not was_told or each.key in scene.open]
    conditions = [each for each in news if each.rule != NOT_HELD]
    quarantines = {table.quarantine for table in scene.tables}  # they have a watch of their own
    told = [each for each in conditions if each.table not in quarantines]
    return Look([*told, *_gone(scene)], {"cursor": cursor.to_json(), "warned": warned})


def _was_told(record: EventLogRecord, warned: dict[str, dict[str, int]]) -> bool:
    """Whether a day's warning speaks of rows that batches, or an earlier look at that day, have told already.

    `warned` counts for each rule the rows told: of all batches under no day, and under each day those found on it.
    """
    verdict = _verdict(record)
    rows = verdict.metadata.get("rows_breaking")
    if verdict.passed or verdict.severity != AssetCheckSeverity.WARN or rows is None:
        return False
    counts = warned.setdefault(f"{verdict.asset_key.to_user_string()}:{verdict.check_name}", {})
    found, day = int(str(rows.value)), verdict.partition or ""
    if not day:
        counts[""] = counts.get("", 0) + found
        return False
    known = counts.get(day, 0)
    counts[day] = max(found, known)
    return found <= known or sum(n for each, n in counts.items() if each) <= counts.get("", 0)


def _verdict(record: EventLogRecord) -> AssetCheckEvaluation:
    event: Any = record.event_log_entry.get_dagster_event()
    found: AssetCheckEvaluation = event.asset_check_evaluation_data
    return found


def _gone(scene: Scene) -> Iterator[Condition]:
    """Open conditions of rules that a table of ours no longer has."""
    names = {table.key: {spec.name for spec in checks.specs(table)} for table in scene.tables} if scene.open else {}
    for key in sorted(scene.open):
        kind, _, rest = key.partition(":")
        table, _, rule = rest.rpartition(":")[0].partition(":")
        if kind == "check" and table in names and rule not in names[table]:
            over = f"{rule.replace('_', ' ')} is no rule of the table any more"
            yield Condition(key, failing=False, at=scene.now, over=over)


def condition(scene: Scene, record: EventLogRecord) -> Condition:
    """What one evaluation says."""
    verdict = _verdict(record)
    table, rule = verdict.asset_key.to_user_string(), verdict.check_name
    warns = verdict.severity == AssetCheckSeverity.WARN
    name = rule.replace("_", " ")
    return Condition(
        key=f"check:{table}:{rule}:{verdict.partition or ''}",
        failing=not verdict.passed,
        at=record.timestamp,
        kind="check",
        subject=table,
        table=table,
        rule=rule,
        partition=verdict.partition or "",
        severity="warn" if warns else "error",
        owner=scene.owner(table),
        says=f"{name} fails",
        over=f"{name} passes again",
        facts=tuple(_facts(verdict.metadata)),
        samples=tuple(_samples(verdict.metadata.get("samples"))),
        link=page(table, f"view=checks&checkDetail={rule}"),
        hold_seconds=scene.settings.alerts_warn_hold_seconds if warns else 0.0,
    )


def _facts(metadata: Mapping[str, MetadataValue]) -> Iterator[tuple[str, str]]:
    for name in _TOLD:
        value = metadata[name].value if name in metadata else None
        if value is not None:
            yield name.replace("_", " ") if name != "severity" else "consequence", _shown(name, value)


def _shown(name: str, value: Any) -> str:
    if name == "share":
        return f"{float(value):.2%}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _samples(value: MetadataValue | None) -> Iterator[str]:
    """The first records that broke the rule, as the check shows them: with their coordinate, personal values masked."""
    if not isinstance(value, Samples):
        return
    for record in value.records[:MOST_SAMPLES]:
        line = ", ".join(f"{name}={field}" for name, field in record.data.items())
        yield " ".join(line.split())[:_SAMPLE_CHARACTERS]
