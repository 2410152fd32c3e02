"""What is known of every table, in Markdown: shown on each asset in Dagster, and as one page of docs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pyspark.sql.types import DateType, MapType, StringType, StructField, StructType

from lakehouse_assets.engine.display import personal
from lakehouse_assets.engine.payload import UNDECLARED
from lakehouse_assets.engine.rules import Severity
from lakehouse_assets.engine.sources.records import RECORD
from lakehouse_assets.engine.tables import DailyTable, EventTable, SourceTable, Table
from lakehouse_assets.engine.views import View
from lakehouse_assets.engine.writing.deduplication import CONTENT_HASH, COORDINATE, LOSER_DDL, LOSERS
from lakehouse_assets.engine.writing.delta import PARTITION_COLUMN

MEANING: Final[Mapping[str, str]] = {
    "topic_id": "The topic by the id that the broker gave it; a version of a file by its time, name and etag",
    "partition": "Partition of the topic; 0 for a file",
    "offset": "Offset in the partition; of a file where the row's line begins, in bytes",
    "timestamp": "Kafka's timestamp of the record, or when the file was dropped, UTC",
    "key": "The record's key as sent; the file's name",
    "value": "The record's value as sent; the row as a JSON object of strings",
    "headers": "The record's headers as sent; null for a file",
    PARTITION_COLUMN: "UTC day of the event's own time; the Delta partition",
    CONTENT_HASH: "SHA-256 over the business columns",
    UNDECLARED: "Fields of the record that the table does not declare, as text, by their names in lower case",
    LOSERS: "Coordinate and content hash of every other record of the same grain",
}
"""Columns that the engine adds to a table or fills itself."""


def catalog(tables: Iterable[Table]) -> str:
    """The page of all tables."""
    tables = list(tables)
    index = [f"| [{table.key}](#{anchor(table)}) | {table.description} |" for table in tables]
    lines = [
        "# Catalog",
        "",
        "Every table and view. Made from the table files by `lakehouse catalog --write`.",
        "",
        "| table | what it holds |",
        "|---|---|",
        *index,
    ]
    return "\n".join([*lines, *(f"\n{page(table)}" for table in tables)]) + "\n"


def anchor(table: Table) -> str:
    """The id of a table's heading, as GitHub makes it."""
    return table.key.replace("/", "")


def page(table: Table) -> str:
    """One table: what it is, and its columns."""
    return "\n\n".join([f"## {table.key}", about(table), "\n".join(_column_table(table))])


def about(table: Table) -> str:
    """What a table is: description, grain, source, owner, freshness, rules; its columns are told elsewhere."""
    facts = [
        f"- **Grain**: {grain(table)}",
        f"- **Source**: {', '.join(f'`{source}`' for source in sources(table))}",
        f"- **Owner**: {table.owner}",
        f"- **Freshness**: {freshness(table)}",
        *_rules(table),
    ]
    return f"{table.description}\n\n" + "\n".join(facts)


def grain(table: Table) -> str:
    """The columns that identify a row, in words."""
    if isinstance(table, EventTable | DailyTable):
        return f"one row per {_and(table.full_grain)}"
    if isinstance(table, View):
        return f"one row per {_and(table.grain)}"
    return f"one row per record: {_and(COORDINATE)}"


def sources(table: Table) -> tuple[str, ...]:
    """What a table is made from: a topic, or the keys of other tables."""
    if isinstance(table, SourceTable):
        return (table.origin,)
    if isinstance(table, View):
        return tuple(source.key for source in table.sources)
    assert isinstance(table, EventTable | DailyTable)
    return (table.source.key,)


def freshness(table: Table) -> str:
    """How long it may stay without a change."""
    if isinstance(table, View):
        return "that of its sources: it is combined when it is read"
    return f"a change every {table.freshness_hours:g} hours" if table.freshness_hours else "none promised"


def columns(table: Table) -> StructType:
    """The columns of a table as it lies in the lake, each with its meaning as `comment`."""
    if isinstance(table, DailyTable | View):
        return table.contract.fields
    if isinstance(table, EventTable):
        added = [
            *(field for field in RECORD if field.name in COORDINATE),
            StructField(PARTITION_COLUMN, DateType(), False),
            StructField(UNDECLARED, MapType(StringType(), StringType())),
            StructField(CONTENT_HASH, StringType(), False),
        ]
        return StructType([*table.contract.fields, *map(_explained, added)])
    return StructType([_explained(field) for field in (*RECORD, StructField(PARTITION_COLUMN, DateType(), False))])


def _explained(field: StructField) -> StructField:
    return StructField(field.name, field.dataType, field.nullable, {"comment": MEANING[field.name]})


def _rules(table: Table) -> Iterator[str]:
    if isinstance(table, View):
        yield "- **Rules**: materializing it checks columns, nulls and grain; it stores nothing"
        return
    if isinstance(table, SourceTable):
        yield f"- **Rules**: {table.promise[0].lower()}{table.promise[1:]}; others go to the quarantine whole"
        return
    assert isinstance(table, EventTable | DailyTable)
    usual: Severity = "quarantine" if isinstance(table, EventTable) else "fail"
    checks = [rule for rule in table.contract.every_rule if getattr(rule, "check", "") != "not_null"]
    shown = "; ".join(f"`{rule.name}`{'' if rule.severity == usual else f' ({rule.severity})'}" for rule in checks)
    breach = "others go to the quarantine" if isinstance(table, EventTable) else "a breach publishes nothing"
    yield f"- **Rules**: types and nulls as below{f'; {shown}' if shown else ''}; {breach}"
    if isinstance(table, EventTable):
        yield f"- **Drift**: {table.drift}"


def _column_table(table: Table) -> Iterator[str]:
    yield from ("| column | type | null | meaning |", "|---|---|---|---|")
    masked = personal.columns(getattr(table, "schema", None))
    for field in columns(table):
        null = "yes" if field.nullable else "no"
        meaning = field.metadata.get("comment", "") + (" (personal)" if field.name in masked else "")
        yield f"| `{field.name}` | {_type(field)} | {null} | {meaning} |"
    if isinstance(table, EventTable):
        yield f"| `{LOSERS}` | {LOSER_DDL} | no | {MEANING[LOSERS]} |"


def _type(field: StructField) -> str:
    return field.dataType.simpleString()


def _and(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
