"""Tests a table by rows in and rows expected, without Kafka and without a lake: only Spark is asked.

    check_events(table, spark, records=[{"No": "1", "Paid": 2.5}], rows=[{"No": "1", "Paid": Decimal("2.50")}])
    check_answers(table, spark, source=[{"event_date": MAY_1, "Paid": Decimal("2.50")}], rows=[{"revenue": ...}])
    check_events(table, spark, records=[{"No": "1", "Paid": 1e9}], refused=["Paid: less_than(1000)"])

Expected rows name the columns to compare, in any order of rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructField, StructType

from lakehouse_assets.engine.kinds import AnswerTable, EventTable, Table
from lakehouse_assets.engine.sessions import activate
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets.engine.writing import completeness
from lakehouse_assets.engine.writing.audits import REASONS, Audit, audit
from lakehouse_assets.engine.writing.deduplication import COORDINATE, Precedence
from lakehouse_assets.engine.writing.verdicts import fatal, judged, refuse_broken, typed_rows, winners

Row = Mapping[str, Any]
Payload = Row | bytes
"""A record's value: an object that is sent as JSON, or bytes as they are."""

TOPIC_ID = "test"
_SENT = datetime(2000, 1, 1, tzinfo=UTC)
"""Kafka's timestamp of every record: an event_date of this day shows that the event's own time was not read."""


def check_events(
    table: EventTable,
    spark: SparkSession,
    records: Sequence[Payload],
    rows: Sequence[Row] = (),
    broken: Sequence[Sequence[str]] = (),
    reported: Mapping[str, int] | None = None,
    refused: Sequence[str] = (),
) -> None:
    """Runs records through a silver table: transform, contract, one row per grain.

    `rows` are the good rows; `broken` holds, for each record set aside, in order of offset, the names of its broken
    rules (or of the fields that cannot be read); `reported` the broken rules of severity `warn`, and how many records
    break each; `refused` the broken rules of severity `fail`: then nothing is published, so there are no `rows`.

    Raises:
        AssertionError: shows what was found and what was expected.
        RefusedError: a record breaks a rule of severity `fail`, and `refused` names none.
        ContractError: the transform makes no row of a record, or several.
    """
    activate(spark)
    landed = bronze_rows(table, spark, records)
    typed = typed_rows(table, [landed]).localCheckpoint()
    completeness.check(table.key, landed, typed)
    counted = audit(typed, table.grid)
    if _is_refused(table, counted, refused, rows):
        return
    aside = typed.where(F.size(REASONS) > 0).orderBy("offset").collect()
    _same("broken rules", [list(row[REASONS]) for row in aside], [list(names) for names in broken])
    if reported is not None:
        names = counted.broken_rules - {name for row in aside for name in row[REASONS]}
        _same("reported", {name: counted.breaking(name, counted.days()) for name in names}, dict(reported))
    _same_rows(winners(table, typed, Precedence(table.keep)), rows)


def check_answers(
    table: AnswerTable,
    spark: SparkSession,
    source: Sequence[Row],
    rows: Sequence[Row] = (),
    refused: Sequence[str] = (),
) -> None:
    """Runs rows of its source through a gold table: transform, contract, grain. A column not given is null.

    `refused` names the rules of severity `fail`, or the grain, that the answers break: then there are no `rows`.

    Raises:
        AssertionError: shows what was found and what was expected.
        RefusedError: an answer breaks the table's contract or grain, and `refused` names none.
    """
    activate(spark)
    [above] = table.lives_on
    answers = judged(table, [rows_of(above.table, spark, source)])
    if not _is_refused(table, audit(answers, table.grid), refused, rows):
        _same_rows(answers, rows)


def rows_of(table: Table, spark: SparkSession, rows: Sequence[Row]) -> DataFrame:
    """Rows of a table as another one's transform reads them; a column not given is null."""
    nullable = StructType([StructField(field.name, field.dataType) for field in table.readable])
    return spark.createDataFrame([tuple(row.get(name) for name in nullable.names) for row in rows], nullable)


def bronze_rows(table: EventTable, spark: SparkSession, records: Sequence[Payload]) -> DataFrame:
    """Records as bronze keeps them: partition 0, offsets from 0, parted by the source's event time."""
    values = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in records]
    landed = [(TOPIC_ID, 0, offset, _SENT, None, value, None) for offset, value in enumerate(values)]
    event_time = F.coalesce(table.sources[0].moment(), F.col("timestamp"))
    return spark.createDataFrame(landed, RECORD).withColumns(
        {name: table.grid.of(event_time) for name in table.grid.columns}
    )


def _is_refused(table: Table, counted: Audit, refused: Sequence[str], rows: Sequence[Row]) -> bool:
    """Whether nothing is published, as expected."""
    if not refused:
        refuse_broken(table, counted)
        return False
    assert not rows, "a refused batch publishes no rows: give `refused` or `rows`"
    names = {name for broken in counted.breaks(fatal(table)).values() for name in broken}
    _same("refused by", sorted(names), sorted(refused))
    return True


def _same_rows(found: DataFrame, rows: Sequence[Row]) -> None:
    """Compares the columns that the expected rows name; all of the contract's where none is expected."""
    columns = list(rows[0]) if rows else [name for name in found.columns if name not in COORDINATE]
    _same("rows", _sorted(row.asDict(recursive=True) for row in found.select(*columns).collect()), _sorted(rows))


def _sorted(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return sorted((dict(sorted(row.items())) for row in rows), key=repr)


def _same(what: str, found: Any, expected: Any) -> None:
    assert found == expected, f"{what}\n  found    {found}\n  expected {expected}"
