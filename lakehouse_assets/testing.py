"""Tests a table by rows in and rows expected, without Kafka and without a lake: only Spark is asked.

    check_events(table, spark, records=[{"No": "1", "Paid": 2.5}], rows=[{"No": "1", "Paid": Decimal("2.50")}])
    check_answers(table, spark, source=[{"event_date": MAY_1, "Paid": Decimal("2.50")}], rows=[{"revenue": ...}])
    check_events(table, spark, records=[{"No": "1", "Paid": 1e9}], refused=["Paid: less_than(1000)"])
    check_view(view, over=[{"event_date": MAY_1, "revenue": Decimal("2.50")}], rows=[{"revenue": Decimal("2.50")}])

A table that lives on several others is given what each holds by its key: `source={"silver/a/b": [...], ...}`. One that
is not named is empty. Expected rows name the columns to compare, in any order of rows.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyspark.sql.functions as F
from deltalake import write_deltalake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructField, StructType

from lakehouse_assets.engine.display.reading import arrow_schema, read_view
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.kinds import AnswerTable, EventTable, Table, View
from lakehouse_assets.engine.sessions import activate
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets.engine.writing import completeness
from lakehouse_assets.engine.writing.audits import REASONS, Audit, audit
from lakehouse_assets.engine.writing.deduplication import COORDINATE, Precedence
from lakehouse_assets.engine.writing.rows import Rows
from lakehouse_assets.engine.writing.verdicts import fatal, judged, refuse_broken, typed_rows, winners
from lakehouse_assets.settings import load

Row = Mapping[str, Any]
Payload = Row | bytes
"""A record's value: an object that is sent as JSON, or bytes as they are."""
ByTable = Mapping[str, Sequence[Any]]
"""Rows, or records, by the key of the table that holds them."""

TOPIC_ID = "test"
_SENT = datetime(2000, 1, 1, tzinfo=UTC)
"""Kafka's timestamp of every record: an event_date of this day shows that the event's own time was not read."""


def check_events(
    table: EventTable,
    spark: SparkSession,
    records: Sequence[Payload] | ByTable,
    rows: Sequence[Row] = (),
    broken: Sequence[Sequence[str]] = (),
    reported: Mapping[str, int] | None = None,
    refused: Sequence[str] = (),
) -> None:
    """Runs records through a silver table: transform, contract, one row per grain.

    `records` by the key of their bronze table where there are several, with the rows of what is looked up by its key.
    `rows` are the good rows; `broken` holds, for each record set aside, by source and offset, the names of its broken
    rules (or of the fields that cannot be read); `reported` the broken rules of severity `warn`, and how many records
    break each; `refused` the broken rules of severity `fail`: then nothing is published, so there are no `rows`.

    Raises:
        AssertionError: shows what was found and what was expected.
        RefusedError: a record breaks a rule of severity `fail`, and `refused` names none.
        ContractError: the transform makes no row of a record, or several.
    """
    activate(spark)
    given = _by_table(table, records)
    landed = {each.key: bronze_rows(each, spark, given[each.key], _topic_id(table, each)) for each in table.sources}
    known = {each.key: rows_of(each, spark, given[each.key]) for each in table.references}
    typed = typed_rows(table, [(landed | known)[each.table.key] for each in table.lives_on]).localCheckpoint()
    completeness.check(table, table.lines([landed[each.key] for each in table.sources]), Rows(typed))
    counted = audit(typed, table.grid)
    if _is_refused(table, counted, refused, rows):
        return
    topic_ids = tuple(_topic_id(table, each) for each in table.sources)
    in_order = Precedence("first", topic_ids, table.coordinate)
    aside = typed.where(F.size(REASONS) > 0).orderBy(*in_order.ordering()).collect()
    _same("broken rules", [list(row[REASONS]) for row in aside], [list(names) for names in broken])
    if reported is not None:
        names = counted.broken_rules - {name for row in aside for name in row[REASONS]}
        _same("reported", {name: counted.breaking(name, counted.days()) for name in names}, dict(reported))
    _same_rows(winners(table, typed, replace(in_order, keep=table.keep)), rows)


def check_answers(
    table: AnswerTable,
    spark: SparkSession,
    source: Sequence[Row] | ByTable,
    rows: Sequence[Row] = (),
    refused: Sequence[str] = (),
) -> None:
    """Runs rows of its source through a gold table: transform, contract, grain. A column not given is null.

    `source` by the keys of its sources, and of what is looked up, where there are several.

    `refused` names the rules of severity `fail`, or the grain, that the answers break: then there are no `rows`.

    Raises:
        AssertionError: shows what was found and what was expected.
        RefusedError: an answer breaks the table's contract or grain, and `refused` names none.
    """
    activate(spark)
    given = _by_table(table, source)
    answers = judged(table, [rows_of(each.table, spark, given[each.table.key]) for each in table.lives_on])
    if not _is_refused(table, audit(answers, table.grid), refused, rows):
        _same_rows(answers, rows)


def rows_of(table: Table, spark: SparkSession, rows: Sequence[Row]) -> DataFrame:
    """Rows of a table as another one's transform reads them; a column not given is null."""
    nullable = StructType([StructField(field.name, field.dataType) for field in table.readable])
    return spark.createDataFrame([tuple(row.get(name) for name in nullable.names) for row in rows], nullable)


def check_view(view: View, over: Sequence[Row] | ByTable, rows: Sequence[Row]) -> None:
    """Reads a view over rows of its tables, as `lakehouse show` does: by delta-rs, without Spark.

    `over` by the keys of its tables where there are several. A column not given is null.

    Raises:
        AssertionError: shows what was found and what was expected.
        ContractError: the SELECT cannot be run.
    """
    given = _by_table(view, over)
    with tempfile.TemporaryDirectory() as folder:
        lake = _Folder(load(), folder)
        for each in view.lives_on:
            schema = arrow_schema(each.table.readable)
            write_deltalake(lake.uri(each.table.key), pa.Table.from_pylist([*given[each.table.key]], schema=schema))
        found = read_view(lake, view).to_pylist()
    wanted = rows[0] if rows else view.contract.fields.names
    _same("rows", _sorted({name: row[name] for name in wanted} for row in found), _sorted(rows))


@dataclass(frozen=True)
class _Folder(Lake):
    """A lake in a folder."""

    folder: str

    def uri(self, key: str, scheme: str = "s3") -> str:
        return str(Path(self.folder) / key)

    def storage_options(self) -> dict[str, str]:
        return {}


def _by_table(table: Table, given: Sequence[Any] | ByTable) -> ByTable:
    """What each table that this one lives on holds; nothing where it is not named."""
    keys = [each.table.key for each in table.lives_on]
    named = given if isinstance(given, Mapping) else dict.fromkeys(keys, given)
    assert isinstance(given, Mapping) or len(keys) == 1, f"give rows by key: {table.key} lives on {', '.join(keys)}"
    unknown = [key for key in named if key not in keys]
    assert not unknown, f"{table.key} lives on {', '.join(keys)}, not on {', '.join(unknown)}"
    return {key: named.get(key, ()) for key in keys}


def _topic_id(table: EventTable, source: Table) -> str:
    """Of the only source, or of one of several."""
    return TOPIC_ID if len(table.sources) == 1 else source.key


def bronze_rows(table: Table, spark: SparkSession, records: Sequence[Payload], topic_id: str = TOPIC_ID) -> DataFrame:
    """Records as bronze keeps them: partition 0, offsets from 0, parted by the source's event time.

    `table` is a source table, or one of events of a single source.
    """
    [source] = table.sources
    values = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in records]
    landed = [(topic_id, 0, offset, _SENT, None, value, None) for offset, value in enumerate(values)]
    event_time = F.coalesce(source.moment(), F.col("timestamp"))
    return spark.createDataFrame(landed, RECORD).withColumns(
        {name: source.grid.of(event_time) for name in source.grid.columns}
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
