"""Judging: the rows of a batch with their verdicts, and their audit; records that make code fail are narrowed down."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame

from lakehouse_assets.engine import calendar
from lakehouse_assets.engine.grids import Grid, Partition
from lakehouse_assets.engine.history.position import Slice, halve, predicate, without
from lakehouse_assets.engine.sources.source import Source
from lakehouse_assets.engine.writing import completeness, failing, narrowing
from lakehouse_assets.engine.writing.audits import REASONS, REMARKS, Audit, Sampling, no_remarks, together
from lakehouse_assets.engine.writing.deduplication import COORDINATE
from lakehouse_assets.engine.writing.failing import FAILED_CODE
from lakehouse_assets.engine.writing.narrowing import Failing
from lakehouse_assets.engine.writing.rows import Rows, audited, once
from lakehouse_assets.engine.writing.verdicts import coordinate, judged, sampling, typed_rows
from lakehouse_assets.errors import ContractError
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.answer import AnswerTable
    from lakehouse_assets.engine.kinds.event import EventTable
    from lakehouse_assets.engine.kinds.source import SourceTable
    from lakehouse_assets.engine.writing.engine import Engine
    from lakehouse_assets.engine.writing.raw import Records


class AnswerFailsError(ContractError):
    """An answer's function fails on a row of its source."""


@dataclass(frozen=True)
class Judged:
    """A batch that was looked at in whole, and is not written yet."""

    rows: DataFrame
    """With `reasons` and `remarks`; without the records that make code fail."""
    audit: Audit
    """Of all, those that make code fail among the rows set aside."""
    slices: tuple[Slice, ...]
    """What was judged: all that was asked for, or its beginning where records had to be read one by one."""
    failing: DataFrame | None = None
    """The quarantine's rows of the records that make code fail."""
    here: pa.Table | None = None
    """The rows, where this process has them."""


def landed(
    engine: Engine, table: SourceTable, source: Source, slices: Sequence[Slice], now: datetime, *, few: bool = False
) -> Judged:
    """A source's records, dated, with the reasons for which some are set aside.

    Raises:
        TooManyFailError: more records than may be set aside make the table's `event_time` fail.
    """
    dated = partial(_dated, engine, table, now)
    try:
        here = source.read_few(engine.spark, slices) if few else None
        records = source.read(engine.spark, slices) if here is None else here
        rows, counted = dated(records, source.faults(), few=here is not None)
        return Judged(rows.frame, counted, tuple(slices), here=rows.here)
    except PySparkException as error:
        if not narrowing.may_be_a_record(error):
            raise
    records, first = source.read_singly(engine.spark, slices)

    def attempt(parts: Sequence[Slice]) -> tuple[Rows, Audit]:
        return dated(records.where(predicate(parts)), F.col(REASONS), few=few)

    most = engine.settings.most_failing_records
    (rows, counted), found = narrowing.evaluated(attempt, first, source.halve, most, table.key)
    unread = rows.frame.withColumn(FAILED_CODE, F.when(F.col("timestamp").isNull(), failing.ANY_CODE))
    aside = _beginnings(engine, table, source, found)
    return Judged(unread, together([counted, failing.audited(aside, table.grid)]), first, aside)


def _beginnings(engine: Engine, table: SourceTable, source: Source, found: Sequence[Failing]) -> DataFrame | None:
    if not found:
        return None
    return failing.records(table, source.beginnings(engine.spark, [each.part for each in found]), found)


def _dated(
    engine: Engine, table: SourceTable, now: datetime, records: DataFrame, faults: Column | None, *, few: bool
) -> tuple[Rows, Audit]:
    rows = once(date_records(engine.settings, table, records, now, faults), few=few)
    shown = Sampling(coordinate(COORDINATE), F.create_map().cast("map<string,string>"))
    return rows, audited(rows, table.grid, shown)


def date_records(
    settings: Settings, table: SourceTable, records: DataFrame, now: datetime, faults: Column | None
) -> DataFrame:
    """Records with their partition (of the event's own time, else of the record's), `reasons` and `remarks`.

    The reasons are the source's own `faults`, where it finds any, and the calendar's; there are no remarks.
    """
    moment = F.coalesce(table.moment(), F.col("timestamp"))
    outside = calendar.outside(settings, F.to_date(moment), now)
    reasons = outside if faults is None else F.concat(faults, outside)
    dated = {name: table.grid.of(moment) for name in table.grid.columns}
    return records.withColumns(dated | {REASONS: reasons, REMARKS: no_remarks()})


def typed(
    engine: Engine,
    table: EventTable,
    records: Records,
    slices: Sequence[Slice],
    accepted: Collection[str],
    left_out: Sequence[Slice] = (),
    *,
    few: bool = False,
) -> Judged:
    """The rows that a table makes of bronze records between coordinates, without some that are known to fail.

    Raises:
        TooManyFailError: more records than may be set aside make the table's transform fail.
        ContractError: the transform loses or repeats records.
    """

    def attempt(parts: Sequence[Slice]) -> tuple[Rows, Audit]:
        typed = typed_rows(table, records.where(predicate(parts)).frames, accepted)
        rows = once(records.asked_for(typed), few=few)
        return rows, audited(rows, table.grid, sampling(table))

    kept = without(slices, left_out)
    most = engine.settings.most_failing_records
    (rows, counted), found = narrowing.evaluated(attempt, kept, halve, most, table.key)
    kept_records = records.where(predicate(without(kept, [each.part for each in found])))
    completeness.check(table, kept_records.asked_for(table.lines(kept_records.sources)), rows)
    aside = failing.events(table, records.together(*COORDINATE, *table.grid.columns), found) if found else None
    return Judged(rows.frame, together([counted, failing.audited(aside, table.grid)]), tuple(slices), aside)


Frames = Callable[[Sequence[Partition]], Sequence[DataFrame]]
"""What some partitions of an answer are computed from, source by source."""


def answered(
    engine: Engine, table: AnswerTable, frames: Frames, days: Sequence[Partition], *, few: bool = False
) -> tuple[Rows, Audit]:
    """The answers of some partitions from the rows of their sources, with `reasons` and `remarks`, and their audit.

    Rows that the table's function makes of other partitions are left out: a source may hold more than was needed.

    Raises:
        AnswerFailsError: the table's function fails on a row; names its partition and coordinate.
    """

    def attempt(rows: Sequence[DataFrame], parts: Sequence[Partition]) -> tuple[Rows, Audit]:
        checked = once(judged(table, rows).where(_among(table.grid, parts)), few=few)
        return checked, audited(checked, table.grid, sampling(table))

    try:
        return attempt(frames(days), days)
    except PySparkException as error:
        if not narrowing.may_be_a_record(error):
            raise
        fault = _fault(table, attempt, frames, days)
        raise fault or error from error


def _among(grid: Grid, parts: Sequence[Partition]) -> str:
    """Of these partitions, or of none that could be told: that breaks a rule."""
    return " OR ".join([grid.where(parts), *(f"{name} IS NULL" for name in grid.columns)])


def _fault(
    table: AnswerTable,
    attempt: Callable[[Sequence[DataFrame], Sequence[Partition]], object],
    frames: Frames,
    days: Sequence[Partition],
) -> AnswerFailsError | None:
    """The first partition on which the function fails, and the row that makes it; None where none fails by itself."""

    def on_days(part: Sequence[Partition]) -> object:
        return attempt(frames(part), part)

    found = next(narrowing.search(narrowing.fails(on_days), tuple(days), _halve_days), None)
    if found is None:
        return None
    (day,), error = found
    where = _row(table, attempt, frames([day]), day)
    return AnswerFailsError(
        f"its function fails on {day} ({error}), on rows of {where}; nothing was published",
        where=table.key,
        do=f"Mend the function or the record; or run `lakehouse accept {table.key} --retry` to have it tried again",
    )


def _row(
    table: AnswerTable,
    attempt: Callable[[Sequence[DataFrame], Sequence[Partition]], object],
    frames: Sequence[DataFrame],
    day: Partition,
) -> str:
    """The source, and where in it the row is that makes the function fail alone; all sources where none does."""
    for at, (above, frame) in enumerate(zip(table.lives_on, frames, strict=True)):
        if not {*COORDINATE} <= {*frame.columns}:
            continue

        def on_rows(part: Sequence[Slice], at: int = at, frame: DataFrame = frame) -> object:
            return attempt([*frames[:at], frame.where(predicate(part)), *frames[at + 1 :]], [day])

        alone = next(narrowing.search(narrowing.fails(on_rows), _coordinates(frame), halve), None)
        if alone:
            return f"{above.table.key} at partition {alone[0][0].partition} offset {alone[0][0].start}"
    return " and ".join(each.table.key for each in table.lives_on)


def _halve_days(days: Sequence[Partition]) -> tuple[Sequence[Partition], Sequence[Partition]] | None:
    middle = len(days) // 2
    return (days[:middle], days[middle:]) if middle else None


def _coordinates(rows: DataFrame) -> Sequence[Slice]:
    """What the rows span, as one slice for each partition."""
    spans = rows.groupBy("topic_id", "partition").agg(F.min("offset").alias("first"), F.max("offset").alias("last"))
    found = [Slice(row["topic_id"], row["partition"], row["first"], row["last"] + 1) for row in spans.collect()]
    return tuple(sorted(found))


def with_failing(aside: DataFrame, found: Judged) -> DataFrame:
    """Rows set aside, and with them the records that make code fail."""
    return aside if found.failing is None else aside.unionByName(found.failing, allowMissingColumns=True)
